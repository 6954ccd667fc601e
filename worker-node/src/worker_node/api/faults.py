"""Faults for experiments: latency, errors, hanging requests, a frozen loop, a crash. Off unless
FAULT_INJECTION=1.

They are set per pod, over its own address, and show in metrics, so that an experiment can tell its own doing
from a real fault.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from service_kit import Lifecycle, Phase, ProblemError

from worker_node.measures import WorkerMetrics

log = logging.getLogger(__name__)

MAX_LATENCY_MS = 60_000
MAX_FREEZE_S = 600


class FaultSettings(BaseModel):
    """What every request of /solve suffers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: float = Field(default=0, ge=0, le=MAX_LATENCY_MS, description="added before solving")
    error_rate: float = Field(default=0, ge=0, le=1, description="share of requests answered 500")
    hang: bool = Field(default=False, description="requests wait until this is false again")


class Freeze(BaseModel):
    """How long the whole process stands still."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(gt=0, le=MAX_FREEZE_S)


class Faults:
    """The faults asked for at present."""

    def __init__(self, initial: FaultSettings, metrics: WorkerMetrics, lifecycle: Lifecycle) -> None:
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._changed = asyncio.Event()
        self.settings = FaultSettings()
        self.active = False
        self.set(initial)

    def set(self, settings: FaultSettings) -> None:
        """Ask for other faults from now on; those that hang look again."""
        self.settings = settings
        self.active = settings != FaultSettings()
        for fault, value in settings.model_dump().items():
            self._metrics.fault_set(fault, float(value))
        self._changed.set()
        self._changed = asyncio.Event()

    async def suffer(self) -> None:
        """What one request goes through; raises ProblemError for an injected error."""
        while self.settings.hang and not self._lifecycle.draining:
            self._metrics.fault_injected("hang")
            await self._next_change()
        if self.settings.latency_ms:
            self._metrics.fault_injected("latency")
            await asyncio.sleep(self.settings.latency_ms / 1000)
        if random.random() < self.settings.error_rate:  # noqa: S311 - a share, not a secret
            self._metrics.fault_injected("error")
            raise ProblemError(500, "injected-fault", "this error was asked for at /faults")

    async def _next_change(self) -> None:
        """Until other faults are asked for, or the service drains."""
        waits = [
            asyncio.create_task(self._changed.wait(), name="faults changed"),
            asyncio.create_task(self._lifecycle.wait_for(Phase.DRAINING), name="faults end with the drain"),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def fault_routes(faults: Faults) -> APIRouter:
    """The routes; only included when asked for by FAULT_INJECTION=1."""
    router = APIRouter(prefix="/faults", tags=["faults"])

    @router.get("", summary="The faults of this pod")
    async def read_faults() -> FaultSettings:
        return faults.settings

    @router.put("", summary="Set the faults of this pod")
    async def set_faults(settings: FaultSettings) -> FaultSettings:
        log.warning("faults set", extra={"faults": settings.model_dump()})
        faults.set(settings)
        return settings

    @router.post("/crash", summary="End this process at once, as a segmentation fault would", status_code=202)
    async def crash() -> None:
        log.warning("crash asked for")
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGKILL)

    @router.post("/freeze", summary="Block the whole process, probes included", status_code=202)
    async def freeze(order: Freeze) -> None:
        log.warning("freeze asked for", extra={"seconds": order.seconds})
        asyncio.get_running_loop().call_later(0.05, time.sleep, order.seconds)

    return router
