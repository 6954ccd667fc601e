"""The four things that the agent asks of a Kubernetes API: workloads, pods, a deletion, an Event."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet
from lightkube.resources.core_v1 import Event, Pod

from chaos_agent.errors import ClusterError
from chaos_agent.targets import Target, pod_labels

COMPONENT = "chaos-agent"
_WORKLOADS: tuple[type[Deployment | StatefulSet | DaemonSet], ...] = (Deployment, StatefulSet, DaemonSet)


def connect() -> AsyncClient:
    """A client by the pod's service account or, outside a cluster, by $KUBECONFIG; raises ClusterError."""
    try:
        return AsyncClient()
    except ConfigError as error:
        raise ClusterError(f"no Kubernetes API to talk to: {error}; set KUBECONFIG") from error


class Cluster:
    """The agent's view of one cluster; every failure is a ClusterError."""

    def __init__(self, client: AsyncClient, *, grace_period_s: int) -> None:
        self._client = client
        self._grace_period_s = None if grace_period_s < 0 else grace_period_s

    async def workloads(self, namespace: str) -> list[tuple[str, dict[str, Any]]]:
        """Kind and object of each workload that opted in."""
        found: list[tuple[str, dict[str, Any]]] = []
        async with _translated(f"list workloads in {namespace}"):
            for resource in _WORKLOADS:
                listed = self._client.list(
                    resource, namespace=namespace, labels={"kube-monkey/enabled": "enabled"}
                )
                found += [(resource.__name__, item.to_dict()) async for item in listed]
        return found

    async def pods(self, target: Target) -> list[dict[str, Any]]:
        """The target's pods."""
        async with _translated(f"list pods of {target.namespace}/{target.name}"):
            listed = self._client.list(Pod, namespace=target.namespace, labels={**pod_labels(target)})
            return [pod.to_dict() async for pod in listed]

    async def kill(self, target: Target, pod: str) -> bool:
        """Delete a pod; False when it was gone already."""
        async with _translated(f"delete pod {target.namespace}/{pod}"):
            try:
                await self._client.delete(
                    Pod, pod, namespace=target.namespace, grace_period=self._grace_period_s
                )
            except ApiError as error:
                if error.status.code == httpx2.codes.NOT_FOUND:
                    return False
                raise
        return True

    async def tell(
        self,
        involved: Mapping[str, str],
        *,
        namespace: str,
        reason: str,
        message: str,
        at: datetime.datetime,
        related: Mapping[str, str] | None = None,
        warning: bool = False,
    ) -> None:
        """Write an Event about an object, given as apiVersion, kind, name and uid; `at` is exact to 1 µs."""
        event = Event(
            metadata=ObjectMeta(name=f"{involved['name']}.{uuid.uuid4().hex[:16]}", namespace=namespace),
            involvedObject=ObjectReference(namespace=namespace, **involved),
            reason=reason,
            message=message[:1024],
            type="Warning" if warning else "Normal",
            source=EventSource(component=COMPONENT),
            reportingComponent=COMPONENT,
            reportingInstance=COMPONENT,
            action=reason,
            related=ObjectReference(namespace=namespace, **related) if related else None,
            eventTime=at,
            firstTimestamp=at,
            lastTimestamp=at,
            count=1,
        )
        async with _translated(f"create an Event in {namespace}"):
            await self._client.create(event)


@asynccontextmanager
async def _translated(call: str) -> AsyncIterator[None]:
    try:
        yield
    except ApiError as error:
        raise ClusterError(f"{call}: {error.status.code} {str(error.status.message)[:200]}") from error
    except httpx2.HTTPError as error:
        raise ClusterError(f"{call}: {type(error).__name__} {str(error)[:200]}") from error
