"""How the system is, in one document: application, workloads, versions, traffic, stored total, last run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lightkube import AsyncClient
from lightkube.resources.apps_v1 import Deployment, StatefulSet

from autostack.stack.applications import ApplicationState, get_state
from autostack.stack.credentials import NAMESPACE
from autostack.stack.ingress import Ingress

P95 = "histogram_quantile(0.95, sum by (le) (rate(worker_calculation_duration_seconds_bucket[1m])))"


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload: ready pods of wanted, and the version of its image."""

    name: str
    ready: int
    desired: int
    version: str

    @property
    def complete(self) -> bool:
        """Whether as many pods are ready as are wanted."""
        return self.ready >= self.desired


@dataclass(frozen=True, slots=True)
class Status:
    """A figure that could not be had is None."""

    application: ApplicationState | None
    workloads: list[Workload]
    tps: float | None
    p95_s: float | None
    stored_24h: int | None
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether everything is as it should be."""
        return bool(
            self.application and self.application.good and all(one.complete for one in self.workloads)
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"good": self.good}


async def gather_status(client: AsyncClient, ingress: Ingress) -> Status:
    """Ask everybody at once."""
    application, workloads, tps, p95_s, stored = await asyncio.gather(
        get_state(client),
        list_workloads(client),
        ingress.query("sum(traffic_sender_tps)"),
        ingress.query(P95),
        _stored_24h(ingress),
    )
    return Status(
        application=application,
        workloads=workloads,
        tps=tps,
        p95_s=p95_s,
        stored_24h=stored,
        urls={name: ingress.address(name) for name in ("results", "console", "prometheus")},
    )


async def _stored_24h(ingress: Ingress) -> int | None:
    found = await ingress.json("results", "/api/v1/statistics", window="24h")
    return None if found is None else int(found["total"]["answers"])


async def list_workloads(client: AsyncClient) -> list[Workload]:
    """The stack's workloads, by name."""
    sets = [one.to_dict() async for one in client.list(StatefulSet, namespace=NAMESPACE)]
    deployments = [one.to_dict() async for one in client.list(Deployment, namespace=NAMESPACE)]
    return sorted(map(_workload, sets + deployments), key=lambda workload: workload.name)


def _workload(document: dict[str, Any]) -> Workload:
    return Workload(
        name=document["metadata"]["name"],
        ready=(document.get("status") or {}).get("readyReplicas") or 0,
        desired=document["spec"].get("replicas", 1),
        version=version_of(document),
    )


def version_of(workload: Mapping[str, Any]) -> str:
    """The tag of the image that a workload wants, such as v0.5."""
    image: str = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.partition("@")[0].rpartition(":")[2]
