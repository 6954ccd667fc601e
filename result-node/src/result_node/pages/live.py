"""The first page: the newest results as they come, above them the last hour in four numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from result_node.api.results import Cursor
from result_node.charts import stacked_bars
from result_node.pages.rendering import Renderer
from result_node.positions import CommitPosition, encode_cursor
from result_node.reader import Reader
from result_node.statistics import Statistics
from result_node.stored import StoredResult
from result_node.streaming import event_stream, live_events, refuse_when_full, starting_position
from result_node.tail import position_of

ROWS = 20


def live_routes(reader: Reader, renderer: Renderer) -> APIRouter:
    """The page and its stream of table rows."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def live(request: Request) -> Response:
        newest = await reader.tail.newest(ROWS)
        position = position_of(newest[0]) if newest else (await starting_position(reader, None, None))
        hour = await reader.course.of("1h", now=datetime.now(UTC))
        context = {"rows": newest, "cursor": encode_cursor(position), **summary(hour)}
        return renderer.page(request, "live.html", context)

    @router.get("/live/summary")
    async def live_summary() -> Response:
        hour = await reader.course.of("1h", now=datetime.now(UTC))
        return Response(renderer.fragment("_summary.html", summary(hour)), media_type="text/html")

    @router.get("/live/events")
    async def live_rows(
        after: Annotated[Cursor | None, Query()] = None,
        last_event_id: Annotated[Cursor | None, Header()] = None,
    ) -> Response:
        refuse_when_full(reader)
        position: CommitPosition = await starting_position(reader, after, last_event_id)
        return event_stream(live_events(reader, position, data=rows_as_html, skip=True))

    def rows_as_html(rows: Sequence[StoredResult], left_out: bool) -> bytes:
        html = renderer.fragment("_live_rows.html", {"rows": rows[: -ROWS - 1 : -1]})
        return msgspec.json.encode({"html": html, "passed": len(rows), "exact": not left_out})

    return router


def summary(hour: Statistics) -> dict[str, object]:
    """What the strip above the table shows."""
    whole = [step for step in hour.steps if step.seconds >= hour.step.total_seconds()]
    chart = stacked_bars(
        ["answers"], [[step.per_second] for step in hour.steps], moments=[step.start for step in hour.steps]
    )
    return {"hour": hour, "last_minute": whole[-1] if whole else None, "spark": chart}
