"""What the console shows of the cluster: one snapshot a page, read with a read-only service account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.core.resource import GlobalResource
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import ConfigMap, Event, Node, Pod

from autostack.console.dashboards import Dashboard, read_dashboard
from autostack.console.errors import AbsentError, ClusterError, DashboardError

Application = create_namespaced_resource("argoproj.io", "v1alpha1", "Application", "applications")
DASHBOARD_LABEL = "grafana_dashboard"
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cluster at one moment; all lists are plain API objects, sorted for reading."""

    nodes: list[dict[str, Any]]
    workloads: list[dict[str, Any]]
    pods: list[dict[str, Any]]
    applications: list[dict[str, Any]]
    events: list[dict[str, Any]]


def connect() -> AsyncClient:
    """A client by the pod's service account, or by $KUBECONFIG; raises ClusterError."""
    try:
        return AsyncClient()
    except ConfigError as error:
        raise ClusterError(f"no Kubernetes API to talk to: {error}; set KUBECONFIG") from error


class Cluster:
    """One cluster; every failure is a ClusterError."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def snapshot(self) -> Snapshot:
        """Everything that the overview shows."""
        nodes, deployments, sets, daemons, pods, applications, events = await asyncio.gather(
            self._all(Node), self._all(Deployment), self._all(StatefulSet), self._all(DaemonSet),
            self._all(Pod), self._all(Application), self._all(Event),
        )  # fmt: skip
        return Snapshot(
            nodes=nodes,
            workloads=sorted(deployments + sets + daemons, key=_name),
            pods=sorted(pods, key=_name),
            applications=applications,
            events=events,
        )

    async def application(self, namespace: str, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """One Application, and what controllers made in the cluster; raises AbsentError."""
        applications, *made = await asyncio.gather(
            self._all(Application), self._all(ReplicaSet), self._all(Job), self._all(Pod)
        )
        wanted = (namespace, name)
        found = next((one for one in applications if _name(one) == wanted), None)
        if found is None:
            raise AbsentError(f"there is no Application {name[:80]!r} in namespace {namespace[:80]!r}")
        return found, [one for kind in made for one in kind]

    async def dashboards(self) -> tuple[list[Dashboard], list[str]]:
        """The dashboards in labelled ConfigMaps, by title, and what could not be read of them."""
        found: list[Dashboard] = []
        complaints: list[str] = []
        for config in await self._all(ConfigMap, {DASHBOARD_LABEL: "1"}):
            for name, text in (config.get("data") or {}).items():
                try:
                    found.append(read_dashboard(text))
                except DashboardError as error:
                    complaints.append(f"{config['metadata']['name']}/{name}: {error}")
        return sorted(found, key=lambda one: one.title), complaints

    async def _all(self, resource: Any, labels: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All objects of a kind in all namespaces; none when the cluster does not know the kind."""
        try:
            everywhere: dict[str, Any] = {} if issubclass(resource, GlobalResource) else {"namespace": "*"}
            listed = self._client.list(resource, labels=labels, **everywhere)
            return [_plain(one) | {"kind": resource.__name__} async for one in listed]
        except ApiError as error:
            if error.status.code == _NOT_FOUND:
                return []
            raise ClusterError(f"list {resource.__name__}: {str(error.status.message)[:200]}") from error
        except httpx2.HTTPError as error:
            raise ClusterError(f"the Kubernetes API does not answer ({type(error).__name__})") from error


def _plain(obj: Any) -> dict[str, Any]:
    document: dict[str, Any] = obj.to_dict() if hasattr(obj, "to_dict") else dict(obj)
    return document


def _name(obj: dict[str, Any]) -> tuple[str, str]:
    metadata = obj["metadata"]
    return str(metadata.get("namespace", "")), str(metadata["name"])
