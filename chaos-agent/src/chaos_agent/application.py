"""The agent as a service: it attacks while it lives, and shows its targets and their next appointments."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from service_kit import Service, StartError, build_application

from chaos_agent.agent import Agent
from chaos_agent.cluster import Cluster, connect
from chaos_agent.errors import ClusterError
from chaos_agent.metrics import ChaosMetrics
from chaos_agent.settings import ChaosSettings


def make_agent(service: Service[ChaosSettings]) -> Agent:
    """An agent on the cluster that the environment names; raises StartError when there is none."""
    settings = service.settings
    if not settings.namespace_names:
        raise StartError("NAMESPACES names no namespace; chaos everywhere is not a default")
    try:
        cluster = Cluster(connect(), grace_period_s=settings.grace_period_s)
    except ClusterError as error:
        raise StartError(str(error)) from error
    return Agent(cluster, settings, ChaosMetrics.declare(service.metrics))


def build(service: Service[ChaosSettings]) -> FastAPI:
    """The application of one agent."""
    agent = make_agent(service)
    service.lifecycle.add_check("cluster", agent.unready_reason)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        del application
        attacking = asyncio.create_task(agent.run(), name="attack")
        yield
        attacking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attacking

    application = build_application(
        service, title="chaos-agent", description="Deletes opted-in pods at random.", lifespan=lifespan
    )

    @application.get("/targets")
    async def targets() -> list[dict[str, Any]]:
        """The workloads that opted in, soonest attack first; `due_in_s` is negative when it is under way."""
        now_s = time.monotonic()
        return [
            {
                "kind": appointment.target.kind,
                "namespace": appointment.target.namespace,
                "name": appointment.target.name,
                "identifier": appointment.target.identifier,
                "mtbf_s": appointment.target.mtbf_s,
                "mode": str(appointment.target.mode),
                "value": appointment.target.value,
                "due_in_s": round(appointment.due_s - now_s, 1),
            }
            for appointment in agent.pace.appointments
        ]

    return application
