"""A Grafana dashboard is read as Grafana reads it, as far as it is drawn, and the rest is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.console.dashboards import legend_of, read_dashboard, with_interval
from autostack.console.errors import DashboardError

ROOT = Path(__file__).resolve().parents[3]


def _dashboard(*panels: dict[str, Any], variables: tuple[dict[str, Any], ...] = ()) -> str:
    return json.dumps({"uid": "u", "title": "T", "panels": panels, "templating": {"list": variables}})


def _panel(expression: str, **more: Any) -> dict[str, Any]:
    return {"type": "timeseries", "title": "P", "targets": [{"expr": expression}], **more}


def test_the_shipped_dashboards_are_drawn_in_full() -> None:
    documents = yaml.safe_load_all((ROOT / "argocd/monitoring/dashboards.yaml").read_text())
    texts = [text for document in documents for text in document["data"].values()]
    assert texts
    for text in texts:
        dashboard = read_dashboard(text)
        assert dashboard.panels
        panels = [panel for panel in dashboard.panels if not panel.is_heading]
        assert [panel.title for panel in panels if not panel.drawn] == []
        assert all(panel.queries for panel in panels)


def test_panels_inside_a_collapsed_row_are_found() -> None:
    row = {"type": "row", "title": "R", "panels": [_panel("up")]}
    found = [(panel.title, panel.is_heading) for panel in read_dashboard(_dashboard(row)).panels]
    assert found == [("R", True), ("P", False)]


def test_bounds_are_taken_from_the_panel() -> None:
    bounded = _panel("up", fieldConfig={"defaults": {"min": 0, "max": 1.5}})
    free = _panel("up")
    found = [(one.minimum, one.maximum) for one in read_dashboard(_dashboard(bounded, free)).panels]
    assert found == [(0.0, 1.5), (None, None)]


def test_variables_take_their_current_value_or_match_all() -> None:
    variables = (
        {"name": "namespace", "type": "query", "current": {"value": "auto-stack"}},
        {"name": "pod", "type": "query", "current": {"value": "$__all"}},
    )
    text = _dashboard(_panel('up{namespace="$namespace",pod=~"${pod:regex}"}'), variables=variables)
    (panel,) = read_dashboard(text).panels
    assert panel.queries[0].expression == 'up{namespace="auto-stack",pod=~".*"}'


def test_interval_macros_are_as_long_as_four_scrapes() -> None:
    assert with_interval("rate(x[$__rate_interval])", 1, 5) == "rate(x[20s])"
    assert with_interval("rate(x[${__rate_interval}])", 60, 5) == "rate(x[65s])"


def test_a_hidden_query_is_not_asked() -> None:
    panel = {"type": "stat", "title": "P", "targets": [{"expr": "a", "hide": True}, {"expr": "b"}]}
    (read,) = read_dashboard(_dashboard(panel)).panels
    assert [query.expression for query in read.queries] == ["b"]


@pytest.mark.parametrize(
    ("template", "labels", "wanted"),
    [
        ("{{pod}} of {{ namespace }}", {"pod": "a", "namespace": "n"}, "a of n"),
        ("", {"__name__": "up", "job": "j"}, 'up{job="j"}'),
        ("", {}, "value"),
        ("TPS", {"a": "b"}, "TPS"),
    ],
)
def test_a_series_is_named_by_its_template_or_its_labels(
    template: str, labels: dict[str, str], wanted: str
) -> None:
    assert legend_of(template, labels) == wanted


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"uid": "u", "title": "t", "panels": [{}]}', "null"])
def test_what_is_no_dashboard_is_an_error(text: str) -> None:
    with pytest.raises(DashboardError):
        read_dashboard(text)
