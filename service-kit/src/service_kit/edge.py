"""The outermost layer of a service: it bounds a request's body before anything buffers it, and counts every
answer.

A body that is announced too large is refused before a byte of it is read; one that grows too large is refused
at the byte that crosses the line. Both are one pure ASGI layer, because each further layer costs every
request.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service_kit.errors import ProblemError
from service_kit.http_metrics import HttpMetrics
from service_kit.problems import problem_of

RouteOf = Callable[[Scope], str]


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, *, metrics: HttpMetrics, route_of: RouteOf, body_limit_bytes: int
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._route_of = route_of
        self._limit = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, bounded and counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = 500  # what a client sees when nothing was sent

        async def counted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            announced = announced_length(scope)
            if announced is not None and announced > self._limit:
                await problem_of(too_large(self._limit))(scope, receive, counted_send)
            elif announced is None:
                await self._app(scope, self._bounded(receive), counted_send)
            else:
                await self._app(scope, receive, counted_send)
        finally:
            self._metrics.observe(scope["method"], self._route_of(scope), status, perf_counter() - started)

    def _bounded(self, receive: Receive) -> Receive:
        received = 0

        async def bounded_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._limit:
                    raise too_large(self._limit)
            return message

        return bounded_receive


def too_large(limit_bytes: int) -> ProblemError:
    """The refusal of a body; its position is that of the first byte too many."""
    detail = (
        f"the body is larger than the limit of {limit_bytes} bytes; it is cut off at byte {limit_bytes + 1}"
    )
    return ProblemError(
        413, "body-too-large", detail, limit="body", allowed=limit_bytes, position=limit_bytes + 1
    )


def announced_length(scope: Scope) -> int | None:
    """Content-Length, or None when the body's size is not announced (the server has checked that it is a
    number).
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return None
