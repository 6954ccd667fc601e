"""`/api/v1/results`: pages, one result, export, live stream."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Header, Path, Query
from pydantic import Field
from service_kit import ProblemError
from service_kit.problems import problem_responses
from starlette.responses import Response

from result_node.api.documents import ResultDocument, ResultPage
from result_node.database import Row
from result_node.exports import csv_batch, csv_header, exported, ndjson_batch
from result_node.question import Filters, ResultId
from result_node.reader import Reader
from result_node.stored import StoredResult
from result_node.streaming import (
    ClosingStream,
    event_stream,
    live_events,
    refuse_when_full,
    starting_position,
)

PATH = "/api/v1/results"

STREAM_DESCRIPTION = (
    "Each event `rows` carries up to 1,000 results, in the order in which they became final, and an id to"
    " reconnect with (Last-Event-ID): every result comes exactly once. `waiting` says that the database is"
    " away."
)

Cursor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")]


class PageQuery(Filters):
    """A question and a page of its answer."""

    cursor: Cursor | None = Field(None, description="opaque; from the `next` of the page before")
    limit: int = Field(50, ge=1, le=500, description="results a page, at most")


class ExportQuery(Filters):
    """A question and the format of its whole answer."""

    format: Literal["ndjson", "csv"] = Field(
        "ndjson", description="ndjson is exact; csv is guarded for spreadsheets"
    )


def result_routes(reader: Reader) -> APIRouter:
    """The routes, bound to one reader."""
    router = APIRouter(prefix=PATH, tags=["results"], responses=problem_responses(422, 503))
    streamed: dict[int | str, dict[str, object]] = {
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
    }
    exports: dict[int | str, dict[str, object]] = {
        200: {
            "content": {
                media_type: {"schema": {"type": "string"}}
                for media_type in ("application/x-ndjson", "text/csv")
            }
        }
    }

    @router.get("", summary="Results, a page at a time", response_model=ResultPage)
    async def page(query: Annotated[PageQuery, Query()]) -> Response:
        found = await reader.search.find(query, cursor=query.cursor, limit=query.limit)
        following = None if found.cursor is None else next_address(PATH, query, found.cursor)
        headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
        document = {
            "results": [exported(row) for row in found.rows],
            "next": following,
            "looked_to": found.looked_to,
        }
        return Response(msgspec.json.encode(document), media_type="application/json", headers=headers)

    @router.get(
        "/export", summary="All matching results as a stream", response_class=Response, responses=exports
    )
    async def export(query: Annotated[ExportQuery, Query()]) -> Response:
        limit = reader.service.settings.export_limit
        if reader.metrics.exports_now >= limit:
            raise ProblemError(
                503,
                "exports-full",
                f"{limit} exports are running, which is the limit (EXPORT_LIMIT); try again later",
                headers={"Retry-After": "5"},
            )
        body = export_body(reader, query)
        first = await anext(body)  # a question that cannot be answered is refused before the answer has begun
        suffix = "csv" if query.format == "csv" else "ndjson"
        return ClosingStream(
            _following(first, body),
            media_type="text/csv; header=present" if suffix == "csv" else "application/x-ndjson",
            headers={
                "Content-Disposition": f'attachment; filename="results.{suffix}"',
                "Cache-Control": "no-store",
            },
        )

    @router.get(
        "/stream",
        summary="Live results as server-sent events",
        description=STREAM_DESCRIPTION,
        response_class=Response,
        responses=streamed,
    )
    async def stream(
        after: Annotated[Cursor | None, Query(description="begin behind this event id")] = None,
        last_event_id: Annotated[
            Cursor | None, Header(description="the same, as a browser sends it when it reconnects")
        ] = None,
    ) -> Response:
        refuse_when_full(reader)
        position = await starting_position(reader, after, last_event_id)
        return event_stream(live_events(reader, position, data=_rows_as_json, skip=False))

    @router.get(
        "/{id}", summary="One result", response_model=ResultDocument, responses=problem_responses(404)
    )
    async def one(result_id: Annotated[ResultId, Path(alias="id")]) -> Response:
        row = await reader.search.one(Filters.model_validate({"id": str(result_id)}))
        if row is None:
            raise no_such_result(str(result_id))
        return Response(msgspec.json.encode(exported(row)), media_type="application/json")

    return router


def next_address(path: str, filters: Filters, cursor: str) -> str:
    """The address of the page behind a cursor."""
    given = filters.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    pairs = [(name, value) for name, value in given.items() if name != "cursor"]
    return f"{path}?{urllib.parse.urlencode([*pairs, ('cursor', cursor)], doseq=True)}"


def no_such_result(result_id: str) -> ProblemError:
    """404 for an id."""
    return ProblemError(
        404,
        "no-such-result",
        f"no result {result_id} is stored; it was never acknowledged, or is past its retention",
    )


async def export_body(reader: Reader, query: ExportQuery) -> AsyncGenerator[bytes, None]:
    """The export in pieces; the first one comes when the database has answered."""
    is_csv = query.format == "csv"
    with reader.metrics.exporting():
        head = csv_header() if is_csv else b""
        async with contextlib.aclosing(reader.search.export(query)) as batches:
            async for rows in batches:
                yield head + _encode(rows, is_csv=is_csv)
                head = b""
                reader.metrics.exported_rows.inc(len(rows))
        yield head


async def _following(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


def _encode(rows: Sequence[Row], *, is_csv: bool) -> bytes:
    stored = [StoredResult.from_row(row) for row in rows]
    return csv_batch(stored) if is_csv else ndjson_batch(stored)


def _rows_as_json(rows: Sequence[StoredResult], left_out: bool) -> bytes:
    del left_out  # every row comes here
    return msgspec.json.encode([exported(row) for row in rows])
