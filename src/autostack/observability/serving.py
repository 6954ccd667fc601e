"""What the operator serves: Prometheus' targets, and how far it is itself.

`/configured` answers once the first configuration is written: until then Prometheus has nothing to start
with, and its pod waits for that answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]
Groups = Callable[[set[str]], Iterable[Mapping[str, Any]]]
"""The target groups in these namespaces; in all of them when none is named."""


def application(targets: Mapping[str, Groups], states: Mapping[str, Callable[[], bool]]) -> Starlette:
    """An ASGI application: each of `targets` as HTTP service discovery, each of `states` as 200 or 503."""

    def discovery(groups: Groups) -> Endpoint:
        async def answer(request: Request) -> Response:
            return JSONResponse(list(groups(set(request.query_params.getlist("namespace")))))

        return answer

    def state(holds: Callable[[], bool]) -> Endpoint:
        async def answer(request: Request) -> Response:
            del request
            return PlainTextResponse("ok\n") if holds() else PlainTextResponse("not yet\n", status_code=503)

        return answer

    found = [Route(path, discovery(groups)) for path, groups in targets.items()]
    return Starlette(routes=[*found, *(Route(path, state(holds)) for path, holds in states.items())])


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing to capture."""
        yield


async def serve(app: Starlette, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    server = _Server(
        uvicorn.Config(
            app, host=host, port=port, log_config=None, access_log=False, lifespan="off", ws="none",
            timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve(), name="http")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
