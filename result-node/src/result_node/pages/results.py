"""Search and one result."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import ValidationError
from service_kit import ProblemError
from service_kit.problem_id import RunPosition, decode_position, format_run, milliseconds_of
from starlette.requests import Request
from starlette.responses import Response

from result_node.api.results import PATH as API_PATH
from result_node.api.results import PageQuery, next_address, no_such_result
from result_node.errors import CursorError
from result_node.pages.rendering import Renderer
from result_node.question import Filters
from result_node.reader import Reader
from result_node.search import Page
from result_node.walks import Statement

PAGE_ROWS = 50

_LISTS = frozenset({"segment"})
_NAMES = Statement(
    "SELECT DISTINCT worker, version FROM result_minutes WHERE minute > now() - interval '1 hour'", ()
)


@dataclass(frozen=True, slots=True)
class Form:
    """What was asked, as it was written, what is wrong with it by field, and the question if nothing is."""

    written: dict[str, str]
    wrong: dict[str, str]
    query: PageQuery | None


def results_routes(reader: Reader, renderer: Renderer) -> APIRouter:
    """The pages, bound to one reader."""
    router = APIRouter(include_in_schema=False)

    @router.get("/results")
    async def results(request: Request) -> Response:
        form = read_form(request)
        page, wrong = Page([], None), form.wrong
        if form.query is not None:
            try:
                page = await reader.search.find(form.query, cursor=form.query.cursor, limit=form.query.limit)
            except CursorError as error:
                wrong = {"cursor": str(error)}
        names = await reader.database.fetch(_NAMES)
        context = {
            "form": form.written,
            "wrong": wrong,
            "page": page,
            "asked": form.query is not None and form.query != PageQuery.model_validate({"limit": PAGE_ROWS}),
            "continued": "cursor" in form.written,
            "next": None
            if not page.cursor or not form.query
            else next_address("/results", form.query, page.cursor),
            "exports": {} if form.query is None else addresses_of(form.query),
            "workers": sorted({row["worker"] for row in names}),
            "versions": sorted({row["version"] for row in names}),
        }
        return renderer.page(request, "results.html", context, status=422 if wrong else 200)

    @router.get("/results/{result_id}")
    async def result(request: Request, result_id: str) -> Response:
        try:
            filters = Filters.model_validate({"id": result_id})
        except ValidationError:
            raise ProblemError(404, "no-such-result", f"{result_id[:60]!r} is not a result's id") from None
        row = await reader.search.one(filters)
        if row is None:
            raise no_such_result(result_id)
        return renderer.page(
            request, "result.html", {"row": row, "origin": origin(row.id), "api": f"{API_PATH}/{row.id}"}
        )

    return router


def read_form(request: Request) -> Form:
    """The question in a form's query; a field left empty is a field left out."""
    written = {name: value for name, value in request.query_params.items() if value}
    raw: dict[str, object] = {
        name: request.query_params.getlist(name) if name in _LISTS else value
        for name, value in written.items()
    }
    try:
        query = PageQuery.model_validate({"limit": PAGE_ROWS, **raw})
    except ValidationError as error:
        wrong = {
            str(item["loc"][0]) if item["loc"] else "form": str(item["msg"]).removeprefix("Value error, ")
            for item in error.errors()
        }
        return Form(written, wrong, None)
    for name, moment in (("from", query.since), ("to", query.until)):
        if moment is not None:
            written[name] = f"{moment:%Y-%m-%dT%H:%M:%S}"  # the one form that a browser's field can show
    return Form(written, {}, query)


def addresses_of(query: PageQuery) -> dict[str, str]:
    """Addresses of the same question: its exports by format, and its first page."""
    question = query.model_copy(update={"limit": 50, "cursor": None})
    plain = next_address(f"{API_PATH}/export", question, "").removesuffix("cursor=").rstrip("?&")
    joint = "&" if "?" in plain else "?"
    addresses = {name: f"{plain}{joint}format={name}" for name in ("csv", "ndjson")}
    return {**addresses, "first": plain.replace(f"{API_PATH}/export", "/results")}


def origin(row_id: uuid.UUID) -> dict[str, object]:
    """What an id says of where its problem came from."""
    if row_id.version != 8:
        return {"run": None, "moment": datetime.fromtimestamp(milliseconds_of(row_id) / 1000, UTC)}
    position: RunPosition = decode_position(row_id)
    return {
        "run": format_run(position.run),
        "segment": position.segment_ms,
        "sequence": position.sequence,
        "moment": datetime.fromtimestamp(position.segment_ms / 1000, UTC),
    }
