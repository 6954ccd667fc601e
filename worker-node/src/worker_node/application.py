"""The worker put together: queue, writer, endpoint; one place, nothing created at import."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from service_kit import Service, background, build_application

from worker_node.api.documentation import document_solve
from worker_node.api.faults import Faults, FaultSettings, fault_routes
from worker_node.api.solve import SolveEndpoint, SolveParts
from worker_node.measures import WorkerMetrics
from worker_node.settings import WorkerSettings
from worker_node.store.flush import Stamp
from worker_node.store.pending import PendingQueue
from worker_node.store.writer import Writer

BODY_LIMIT_BYTES = 16 * 1024


def build(service: Service[WorkerSettings]) -> FastAPI:
    """The application of one worker."""
    settings = service.settings
    stamp = Stamp(settings.instance, settings.app_version, settings.git_revision)
    queue = PendingQueue(limit=settings.queue_limit, batch_limit=settings.batch_limit)
    metrics = WorkerMetrics(service.metrics, depth=lambda: queue.depth, up=lambda: float(writer.away is None))
    writer = Writer(settings, stamp, queue, metrics)
    faults = Faults(_initial_faults(settings), metrics, service.lifecycle)
    parts = SolveParts(queue, writer, stamp, metrics, faults, settings.store_deadline_s)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with background(service.lifecycle, "store writer", writer.run()):
            yield  # every accepted request has been answered, so stored, when this returns

    application = build_application(
        service,
        title="worker-node",
        description="Solves math problems exactly and acknowledges each only after it is stored.",
        lifespan=lifespan,
        body_limit_bytes=BODY_LIMIT_BYTES,
    )
    service.lifecycle.add_check("store", lambda: writer.away)
    application.add_hot_path("POST", "/solve", SolveEndpoint(parts))
    document_solve(application)
    if settings.fault_injection:
        application.include_router(fault_routes(faults))
    return application


def _initial_faults(settings: WorkerSettings) -> FaultSettings:
    if not settings.fault_injection:
        return FaultSettings()
    return FaultSettings(latency_ms=settings.fault_latency_ms, error_rate=settings.fault_error_rate)
