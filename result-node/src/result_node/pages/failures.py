"""Refusals: a problem document for programs, and the same document as a page for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from fastapi import FastAPI
from service_kit import ProblemError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from result_node.errors import CursorError, DatabaseAwayError, DatabaseBusyError
from result_node.pages.rendering import Renderer

Handler = Callable[[Request, Exception], Awaitable[Response]]

PROGRAMS_ONLY = (
    "/api/",
    "/static/",
    "/live/",
    "/openapi.json",
    "/metrics",
    "/healthz",
    "/readyz",
    "/version",
)


def handle_failures(application: FastAPI, renderer: Renderer) -> None:
    """Translate our errors, and give people a page where the kit gives programs a document."""
    for kind in (HTTPException, Exception):
        registered = application.exception_handlers[kind]
        application.add_exception_handler(kind, _for_people(registered, renderer))
    refused = application.exception_handlers[HTTPException]

    async def own(request: Request, error: Exception) -> Response:
        return await refused(request, translated(error))  # type: ignore[no-any-return,misc]  # ours, and async

    for ours in (CursorError, DatabaseAwayError, DatabaseBusyError):
        application.add_exception_handler(ours, own)


def translated(error: Exception) -> ProblemError:
    """Our error as a refusal."""
    if isinstance(error, CursorError):
        return ProblemError(422, "bad-cursor", str(error))
    kind = "database-away" if isinstance(error, DatabaseAwayError) else "database-busy"
    return ProblemError(503, kind, f"{error}; try again in a moment", headers={"Retry-After": "2"})


def wants_page(request: Request) -> bool:
    """Whether a person with a browser asks, for something that is a page."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(PROGRAMS_ONLY)


def _for_people(handler: object, renderer: Renderer) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        response: Response = await handler(request, error)  # type: ignore[operator]  # the kit's handlers are async
        if not wants_page(request):
            return response
        problem = msgspec.json.decode(bytes(response.body))
        page = renderer.page(request, "failure.html", {"problem": problem}, status=response.status_code)
        if "retry-after" in response.headers:
            page.headers["Retry-After"] = response.headers["retry-after"]
        return page

    return handle
