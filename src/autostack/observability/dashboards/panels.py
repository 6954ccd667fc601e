"""The two kinds of panel that our dashboards use, as data, and how they become Grafana's.

Nothing else of Grafana is used, so that the console can draw the same JSON completely. Places are computed:
a panel is moved by moving its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models.common import GraphDrawStyle, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, GridPos

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_GRID_COLUMNS, _ROW_HEIGHT = 24, 1


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and how its series are named (`{{label}}` is replaced)."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """One number, as it is now."""

    title: str
    description: str
    unit: str
    expression: str
    height: int = 4

    def panel(self, place: GridPos) -> stat.Panel:
        """As Grafana has it."""
        return (
            stat.Panel()
            .title(self.title)
            .description(self.description)
            .datasource(DATASOURCE)
            .grid_pos(place)
            .unit(self.unit)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .with_target(_target(0, Query(self.expression)))
        )


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over time, from zero."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    maximum: float | None = None
    height: int = 8

    def panel(self, place: GridPos) -> timeseries.Panel:
        """As Grafana has it."""
        panel = (
            timeseries.Panel()
            .title(self.title)
            .description(self.description)
            .datasource(DATASOURCE)
            .grid_pos(place)
            .unit(self.unit)
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
        if self.maximum is not None:
            panel = panel.max(self.maximum)
        for number, query in enumerate(self.queries):
            panel = panel.with_target(_target(number, query))
        return panel


@dataclass(frozen=True, slots=True)
class Section:
    """Panels of one height under a title, so many beside each other; an empty title has no row of its own."""

    title: str
    panels: Sequence[Number | Lines]
    columns: int = 4


def flowing(sections: Sequence[Section]) -> Iterator[Row | stat.Panel | timeseries.Panel]:
    """Rows and panels in reading order, each at its place."""
    y = 0
    for section in sections:
        if section.title:
            yield Row(section.title).grid_pos(GridPos(x=0, y=y, w=_GRID_COLUMNS, h=_ROW_HEIGHT))
            y += _ROW_HEIGHT
        width = _GRID_COLUMNS // section.columns
        height = max(one.height for one in section.panels)
        for number, one in enumerate(section.panels):
            row, column = divmod(number, section.columns)
            yield one.panel(GridPos(x=column * width, y=y + row * height, w=width, h=height))
        y += -(-len(section.panels) // section.columns) * height


def _target(number: int, query: Query) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + number))
        .datasource(DATASOURCE)
    )
