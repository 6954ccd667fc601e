"""/healthz, /readyz and /metrics on one small HTTP server: alive as a process, ready once the cluster is
listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from autostack.gitops.metrics import REGISTRY


def routes(is_ready: Callable[[], bool]) -> Starlette:
    """The ASGI application."""

    async def healthz(request: Request) -> Response:
        del request
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        del request
        if is_ready():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the cluster's objects are not listed yet\n", status_code=503)

    async def metrics(request: Request) -> Response:
        del request
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the process decides when to stop."""

    def install_signal_handlers(self) -> None:
        """Nothing to install."""


async def serve(host: str, port: int, is_ready: Callable[[], bool]) -> None:
    """Serve until cancelled."""
    config = uvicorn.Config(
        routes(is_ready),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server._serve(), name="http")
    try:
        await asyncio.shield(task)
    finally:
        server.should_exit = True
        await task
