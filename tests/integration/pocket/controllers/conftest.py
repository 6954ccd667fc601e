"""A real API server in this process with all controllers running, and a test that plays the kubelet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_api import pocket_api  # noqa: F401 - a fixture
from harness.pretend_kubelet import until_cancelled
from harness.waiting import eventually

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import ApiClient, Object
from autostack.pocket.controllers import ControllerSettings, run_all
from autostack.pocket.controllers.kinds import EVENT, Kind
from autostack.pocket.errors import ApiError

NAMESPACE = "default"


class World:
    """What a test does to the cluster and sees of it."""

    def __init__(self, client: ApiClient, volumes: Path) -> None:
        self.client = client
        self.volumes = volumes

    async def create(self, kind: Kind, name: str, spec: dict[str, Any] | None = None, **parts: Any) -> Object:
        """Create an object in the test's namespace."""
        metadata = {"name": name, **parts.pop("metadata", {})}
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **parts}
        if spec is not None:
            body["spec"] = spec
        return await self.client.create(kind.resource, body, NAMESPACE if kind.namespaced else None)

    async def get(self, kind: Kind, name: str) -> Object:
        """The present state."""
        return await self.client.get(kind.resource, name, NAMESPACE if kind.namespaced else None)

    async def all(self, kind: Kind, selector: str = "") -> list[Object]:
        """Every object of the kind in the test's namespace."""
        namespace = NAMESPACE if kind.namespaced else None
        return (await self.client.list(kind.resource, namespace, label_selector=selector)).items

    async def patch(self, kind: Kind, name: str, patch: Any, subresource: str = "") -> Object:
        """A merge patch."""
        namespace = NAMESPACE if kind.namespaced else None
        return await self.client.patch(kind.resource, name, patch, namespace, subresource=subresource)

    async def until(
        self, kind: Kind, name: str, holds: Callable[[Object], Any], within_s: float = 20
    ) -> Object:
        """The object, once `holds` of it."""

        async def probe() -> Object | None:
            obj = await self.get(kind, name)
            return obj if holds(obj) else None

        found = await eventually(probe, within_s=within_s, what=f"{kind.name} {name}")
        assert found is not None
        return found

    async def until_gone(self, kind: Kind, name: str, within_s: float = 20) -> None:
        """Wait until there is no such object."""

        async def probe() -> bool:
            try:
                await self.get(kind, name)
            except ApiError as error:
                return error.code == 404
            return False

        await eventually(probe, within_s=within_s, what=f"{kind.name} {name} gone")

    async def until_count(
        self, kind: Kind, count: int, selector: str = "", holds: Callable[[Object], Any] = bool
    ) -> list[Object]:
        """The objects for which `holds`, once there are that many of them and no others."""

        async def probe() -> list[Object] | None:
            found = await self.all(kind, selector)
            return (found or [{}]) if len(found) == count and all(map(holds, found)) else None

        return [one for one in await eventually(probe, what=f"{count} {kind.name}") or [] if one]

    async def until_event(self, name: str, reason: str) -> Object:
        """The first Event with that reason about the object."""

        async def probe() -> Object | None:
            for event in await self.all(EVENT):
                if event["involvedObject"]["name"] == name and event["reason"] == reason:
                    return event
            return None

        found = await eventually(probe, what=f"Event {reason} about {name}")
        assert found is not None
        return found


@pytest.fixture
async def controllers(pocket_api: ApiServer, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    """All controllers on a cluster without a kubelet."""
    client = pocket_api.client()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run_all(client, ControllerSettings(volumes=tmp_path / "volumes")))
        yield World(client, tmp_path / "volumes")
        running.cancel()


@pytest.fixture
async def world(controllers: World) -> AsyncIterator[World]:
    """All controllers, and a pretended kubelet that makes pods Ready."""
    async with asyncio.TaskGroup() as tasks:
        kubelet = tasks.create_task(until_cancelled(controllers.client))
        yield controllers
        kubelet.cancel()


def pod_template(app: str, image: str = "busybox:1", **labels: str) -> dict[str, Any]:
    """A pod template of one container."""
    return {
        "metadata": {"labels": {"app": app, **labels}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


def workload(app: str, replicas: int = 1, image: str = "busybox:1", **extra: Any) -> dict[str, Any]:
    """The spec of a Deployment, ReplicaSet or StatefulSet."""
    labels = extra.pop("labels", {})
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": app}},
        "template": pod_template(app, image, **labels),
        **extra,
    }
