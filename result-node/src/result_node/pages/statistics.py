"""Statistics: charts of the course, tables of the shares."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from service_kit import ProblemError
from starlette.requests import Request
from starlette.responses import Response

from result_node.charts import Chart, log_lines, stacked_bars
from result_node.pages.rendering import Renderer
from result_node.reader import Reader
from result_node.statistics import WINDOWS, Statistics, WindowName

VERSIONS_SHOWN = 5
"""Versions with a colour of their own; the rest are one series."""

WINDOW_TITLES: dict[WindowName, str] = {
    "15m": "15 minutes",
    "1h": "1 hour",
    "6h": "6 hours",
    "24h": "24 hours",
}

LATENCY_DECADES = (-3, 1)
PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def statistics_routes(reader: Reader, renderer: Renderer) -> APIRouter:
    """The page, bound to one reader."""
    router = APIRouter(include_in_schema=False)

    @router.get("/statistics")
    async def statistics(request: Request) -> Response:
        window = chosen_window(request.query_params.get("window", "1h"))
        gathered = await reader.course.of(window, now=datetime.now(UTC))
        context = {
            "window": window,
            "titles": WINDOW_TITLES,
            "statistics": gathered,
            "rate": rate_chart(gathered),
            "latency": latency_chart(gathered),
            "shares": {"Workers": gathered.workers, "Versions": gathered.versions},
            "percentiles": PERCENTILES,
        }
        return renderer.page(request, "statistics.html", context)

    return router


def chosen_window(text: str) -> WindowName:
    """The window of a query; a 422 names those there are."""
    for name in WINDOWS:
        if name == text:
            return name
    raise ProblemError(
        422, "no-such-window", f"window must be one of {', '.join(WINDOWS)}, not {text[:40]!r}"
    )


def rate_chart(statistics: Statistics) -> Chart:
    """Answers a second, stacked by version, the largest at the bottom."""
    names = list(statistics.versions)[:VERSIONS_SHOWN]
    rest = len(statistics.versions) > len(names)
    columns = []
    for step in statistics.steps:
        seconds = step.seconds or 1.0
        column = [step.by_version.get(name, 0) / seconds for name in names]
        if rest:
            column.append(max(step.per_second - sum(column), 0.0))
        columns.append(column)
    moments = [step.start for step in statistics.steps]
    return stacked_bars([*names, "others"] if rest else names, columns, moments=moments)


def latency_chart(statistics: Statistics) -> Chart:
    """Percentiles of the latency over time."""
    lines = [
        (name, [step.tally.latency_s(fraction) for step in statistics.steps])
        for name, fraction in PERCENTILES
    ]
    return log_lines(lines, moments=[step.start for step in statistics.steps], decades=LATENCY_DECADES)
