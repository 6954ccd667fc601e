"""The two kinds of panel that our dashboards use, from a title, a unit and queries.

Nothing else of Grafana is used, so that the console can draw the same JSON completely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import GraphDrawStyle, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, GridPos

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and how its series are named (`{{label}}` is replaced)."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands in Grafana's grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int

    def grid(self) -> GridPos:
        """As Grafana has it."""
        return GridPos(x=self.x, y=self.y, w=self.width, h=self.height)


def lines(
    title: str,
    description: str,
    unit: str,
    place: Place,
    queries: Sequence[Query],
    *,
    maximum: float | None = None,
) -> timeseries.Panel:
    """Lines over time, from zero."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .grid_pos(place.grid())
        .unit(unit)
        .min(0)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(10)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if maximum is not None:
        panel = panel.max(maximum)
    for number, query in enumerate(queries):
        panel = panel.with_target(_target(number, query))
    return panel


def number(title: str, description: str, unit: str, place: Place, expression: str) -> stat.Panel:
    """One number, as it is now."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .grid_pos(place.grid())
        .unit(unit)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(0, Query(expression)))
    )


def _target(number: int, query: Query) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + number))
        .datasource(DATASOURCE)
    )
