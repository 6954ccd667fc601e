"""A panel's picture: its queries asked, its series drawn; a failure is shown in the panel's place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from markupsafe import Markup

from autostack.console.dashboards import Panel, Query, with_interval
from autostack.console.drawing import Frame, Series, draw
from autostack.console.errors import PrometheusError
from autostack.console.prometheus import Prometheus
from autostack.console.units import formatted

SCRAPE_S = 5
_POINTS = 120
_LEGEND = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """A panel ready for the template: a drawing, or single figures, or a complaint."""

    panel: Panel
    drawing: Markup | None
    figures: list[tuple[str, str]]
    complaint: str


async def picture(panel: Panel, prometheus: Prometheus, *, end_s: float, window_s: int) -> Picture:
    """Ask and draw one panel; never raises."""
    if panel.is_heading:
        return Picture(panel, None, [], "")
    if not panel.drawn:
        return Picture(panel, None, [], f"panels of type {panel.type!r} are drawn by Grafana only")
    step_s = max(1, window_s // _POINTS)

    async def ask(query: Query) -> list[Series]:
        expression = with_interval(query.expression, step_s, SCRAPE_S)
        if panel.type == "timeseries":
            return await prometheus.over(
                expression, start_s=end_s - window_s, end_s=end_s, step_s=step_s, legend=query.legend
            )
        return await prometheus.now(expression, legend=query.legend)

    try:
        answers = await asyncio.gather(*map(ask, panel.queries))
    except PrometheusError as error:
        return Picture(panel, None, [], str(error))
    series = sorted((one for answer in answers for one in answer), key=lambda one: one.name)
    figures = [(one.name, formatted(one.last, panel.unit)) for one in series[:_LEGEND]]
    if not series:
        return Picture(panel, None, [], "no data yet")
    if panel.type != "timeseries":
        return Picture(panel, None, figures, "")
    frame = Frame(end_s - window_s, end_s, panel.minimum, panel.maximum)
    drawing = Markup(draw(series, frame, unit=panel.unit, title=panel.title))  # noqa: S704 - our own, escaped
    return Picture(panel, drawing, figures, "")
