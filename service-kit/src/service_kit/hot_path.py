"""A route that goes round the framework: whole body in, JSON out, one coroutine deep.

Each layer of ASGI wraps every message in a coroutine of its own, which costs a small request more than its
work does. A hot endpoint gets the headers and the body and returns the JSON of a 200; it raises ProblemError
for everything else, and what else it raises becomes a 500 whose reason is in the log, as everywhere. The
body is bounded and the request counted as the edge does it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter

from starlette.types import Receive, Scope, Send

from service_kit.edge import announced_length, too_large
from service_kit.errors import ProblemError
from service_kit.http_metrics import HttpMetrics
from service_kit.problems import problem_of, problem_response

Headers = Iterable[tuple[bytes, bytes]]
HotEndpoint = Callable[[Headers, bytes], Awaitable[bytes]]
"""From a request's headers (names in lower case) and body to the JSON of its answer."""

_JSON = (b"content-type", b"application/json")

log = logging.getLogger(__name__)


class HotPath:
    """One such route, as an ASGI application."""

    def __init__(
        self, endpoint: HotEndpoint, *, path: str, metrics: HttpMetrics, body_limit_bytes: int
    ) -> None:
        self._endpoint = endpoint
        self._path = path
        self._metrics = metrics
        self._limit = body_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started_s = perf_counter()
        status = 200
        try:
            answer = await self._endpoint(scope["headers"], await self._body(scope, receive))
        except ProblemError as problem:
            status = problem.status_code
            await problem_of(problem)(scope, receive, send)
        except Exception:
            status = 500
            log.exception("request failed", extra={"path": self._path})
            await problem_response(500, "internal", "the service failed; its log has the reason")(
                scope, receive, send
            )
        else:
            headers = [_JSON, (b"content-length", b"%d" % len(answer))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": answer})
        self._metrics.observe(scope["method"], self._path, status, perf_counter() - started_s)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        announced = announced_length(scope)
        if announced is not None and announced > self._limit:
            raise too_large(self._limit)
        body: bytes = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ProblemError(
                    400, "disconnected", "the client went away before its request was complete"
                )
            body += message.get("body", b"")
            if len(body) > self._limit:
                raise too_large(self._limit)
            if not message.get("more_body"):
                return body
