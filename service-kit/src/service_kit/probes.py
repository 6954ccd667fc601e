"""The four endpoints every service has: alive, ready, metrics, version."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from service_kit.errors import ProblemError
from service_kit.metrics import CONTENT_TYPE
from service_kit.problems import problem_responses
from service_kit.service import Service
from service_kit.settings import ServiceSettings


class Alive(BaseModel):
    """The process answers; that is all it says."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The service can do its work now."""

    status: Literal["ready"] = "ready"


class Version(BaseModel):
    """What runs here."""

    service: str
    version: str
    revision: str
    instance: str


def probe_routes(service: Service[ServiceSettings]) -> APIRouter:
    """The routes, bound to one service."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Alive: true from start to end, also while draining")
    async def healthz() -> Alive:
        return Alive()

    @router.get("/readyz", summary="Ready: can do its work now", responses=problem_responses(503))
    async def readyz() -> Ready:
        reasons = service.lifecycle.unready_reasons()
        if reasons:
            told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise ProblemError(503, "unready", told, headers={"Retry-After": "1"}, reasons=reasons)
        return Ready()

    @router.get(
        "/metrics",
        summary="Metrics in Prometheus's text format",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(service.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    @router.get("/version", summary="What runs here")
    async def version() -> Version:
        return Version(**service.identity)

    return router
