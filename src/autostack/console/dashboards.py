"""A Grafana dashboard as far as it is drawn here: panels with queries, units, bounds and places. Pure.

What cannot be drawn is said in the panel's place; it is never left out in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autostack.console.errors import DashboardError

DRAWN = ("timeseries", "stat", "gauge", "bargauge")
_INTERVALS = re.compile(r"\$(?:__rate_interval|\{__rate_interval\}|__interval|\{__interval\})")
_VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression, and the template of its series' names (`{{pod}}`)."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; x, y, width and height are Grafana's grid of 24 columns."""

    title: str
    type: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    x: int
    y: int
    width: int
    height: int
    minimum: float | None = None
    maximum: float | None = None

    @property
    def drawn(self) -> bool:
        """Whether we know how to draw it."""
        return self.type in DRAWN

    @property
    def is_heading(self) -> bool:
        """Whether it is a row: the title over the panels below it."""
        return self.type == "row"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard; `uid` is its address."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]

    @property
    def pictures(self) -> int:
        """How many of its panels show something."""
        return sum(not panel.is_heading for panel in self.panels)


def read_dashboard(text: str) -> Dashboard:
    """A dashboard from its JSON; raises DashboardError."""
    try:
        document = json.loads(text)
        variables = _variables(document)
        panels = tuple(_panel(panel, variables) for panel in _flat(document.get("panels") or []))
        description = str(document.get("description") or "")
        return Dashboard(str(document["uid"]), str(document["title"]), description, panels)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DashboardError(
            f"not a dashboard that can be drawn: {type(error).__name__} {error}"[:200]
        ) from error


def legend_of(template: str, labels: Mapping[str, str]) -> str:
    """A series' name: the template filled in, else its labels as Prometheus writes them."""
    if template and template != "__auto":
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), template)
    kept = {name: value for name, value in labels.items() if name != "__name__"}
    inside = ", ".join(f'{name}="{value}"' for name, value in sorted(kept.items()))
    return f"{labels.get('__name__', '')}{{{inside}}}" if inside else labels.get("__name__", "value")


def with_interval(expression: str, step_s: int, scrape_s: int) -> str:
    """The expression with Grafana's interval macros filled in, as Grafana computes `$__rate_interval`."""
    return _INTERVALS.sub(f"{max(step_s + scrape_s, 4 * scrape_s)}s", expression)


def _flat(panels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Panels inside collapsed rows stand behind their row."""
    return [inner for panel in panels for inner in (panel, *(panel.get("panels") or []))]


def _variables(document: Mapping[str, Any]) -> dict[str, str]:
    values: dict[str, str] = {}
    for variable in (document.get("templating") or {}).get("list") or []:
        current = (variable.get("current") or {}).get("value")
        if isinstance(current, str) and current not in ("$__all", ""):
            values[variable["name"]] = current
        elif variable.get("type") != "datasource":
            values[variable["name"]] = ".*"  # all of them, for a regular-expression matcher
    return values


def _panel(panel: Mapping[str, Any], variables: Mapping[str, str]) -> Panel:
    place = panel.get("gridPos") or {}
    defaults = (panel.get("fieldConfig") or {}).get("defaults") or {}
    return Panel(
        title=str(panel.get("title", "")),
        type=str(panel["type"]),
        description=str(panel.get("description") or ""),
        unit=str(defaults.get("unit") or "short"),
        queries=tuple(
            Query(_filled(target["expr"], variables), str(target.get("legendFormat") or ""))
            for target in panel.get("targets") or []
            if target.get("expr") and not target.get("hide")
        ),
        x=int(place.get("x", 0)),
        y=int(place.get("y", 0)),
        width=int(place.get("w", 12)),
        height=int(place.get("h", 8)),
        minimum=_bound(defaults.get("min")),
        maximum=_bound(defaults.get("max")),
    )


def _bound(value: Any) -> float | None:
    return None if value is None else float(value)


def _filled(expression: str, variables: Mapping[str, str]) -> str:
    """Template variables by their value; Grafana's own macros stay for later."""
    return _VARIABLE.sub(
        lambda match: match[0] if match[1].startswith("__") else variables.get(match[1], match[0]), expression
    )
