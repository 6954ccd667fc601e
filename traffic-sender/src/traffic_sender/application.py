"""The sender as a service: its load can be changed and its ledger read while it runs.

On SIGTERM it stops issuing at once, finishes what is in flight and writes the final ledger, while the HTTP
server still answers; so whoever audits it can read the last figures until the very end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, FastAPI
from service_kit import Lifecycle, Phase, ProblemError, Service, StartError, build_application
from service_kit.problems import problem_responses
from starlette.responses import Response

from traffic_sender.engine import Engine
from traffic_sender.errors import LedgerFileError
from traffic_sender.ledger_file import Figures
from traffic_sender.metrics import DECLARED, SenderMetrics
from traffic_sender.profiles import Profile
from traffic_sender.settings import SenderSettings

_SHARE_FOR_FLIGHTS = 0.8  # of the time to shut down; the rest is for the ledger and the server


def build(service: Service[SenderSettings]) -> FastAPI:
    """The application of one run; needs a running event loop, because a run's clock begins with it."""
    try:
        engine = Engine(service.settings.plan())
    except LedgerFileError as error:
        raise StartError(str(error)) from error
    service.metrics.collector(SenderMetrics(engine), DECLARED)
    service.lifecycle.add_check("engine", engine.unready_reason)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        del application
        await engine.start()
        ending = asyncio.create_task(_end_when_draining(service, engine), name="end when draining")
        ending.add_done_callback(partial(_fail_with, service.lifecycle))
        engine.failed.add_done_callback(partial(_fail_with, service.lifecycle))
        yield
        await ending

    application = build_application(
        service,
        title="traffic-sender",
        description="Sends math problems at a constant arrival rate and keeps an exact ledger of them.",
        lifespan=lifespan,
    )
    application.include_router(_load_routes(service, engine))
    application.include_router(_ledger_routes(engine))
    return application


async def _end_when_draining(service: Service[SenderSettings], engine: Engine) -> None:
    await service.lifecycle.wait_for(Phase.DRAINING)
    await engine.stop(within_s=service.settings.shutdown_timeout_s * _SHARE_FOR_FLIGHTS)


def _fail_with(lifecycle: Lifecycle, failed: asyncio.Future[None]) -> None:
    """A sender without arrivals is of no use: end in order, so that whoever runs it starts a new one."""
    if not failed.cancelled() and failed.exception() is not None:
        lifecycle.fail("the engine failed")


def _load_routes(service: Service[SenderSettings], engine: Engine) -> APIRouter:
    router = APIRouter(tags=["load"])

    @router.get("/load", summary="The load profile in force", operation_id="get_load")
    async def get_load() -> Profile:
        return engine.profile

    @router.put(
        "/load",
        summary="Go on with another load profile from now",
        operation_id="put_load",
        responses=problem_responses(422, 503),
    )
    async def put_load(profile: Annotated[Profile, Body()]) -> Profile:
        if service.lifecycle.draining:
            raise ProblemError(
                503, "draining", "the sender is ending; it issues nothing more", headers={"Retry-After": "5"}
            )
        engine.change_load(profile)
        return engine.profile

    return router


def _ledger_routes(engine: Engine) -> APIRouter:
    router = APIRouter(tags=["ledger"])

    @router.get("/ledger", summary="The accounts of this run", operation_id="get_ledger")
    async def get_ledger() -> Figures:
        return engine.figures()

    @router.get(
        "/ledger/acknowledged",
        summary="The acknowledged problems: bit n of byte n//8, least significant first, is sequence n",
        operation_id="get_acknowledged",
        response_class=Response,
        responses={
            200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
        },
    )
    async def get_acknowledged() -> Response:
        return Response(engine.ledger.bitmap(), media_type="application/octet-stream")

    return router
