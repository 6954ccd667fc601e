"""A node of a test's own: an API server in memory and a kubelet that really runs pods."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import EVENT, POD, Kind
from autostack.pocket.errors import ApiError
from autostack.pocket.images.images import Images
from autostack.pocket.kubelet.kubelet import Kubelet
from autostack.pocket.kubelet.node import NodeSettings
from harness.pocket_journal import FillableJournal
from harness.waiting import eventually

Object = dict[str, Any]
NAME = "test-node"


def pod_object(name: str, *command: str, **container: Any) -> Object:
    """A pod with one container `main` of the busybox image that runs `sh -c` (or the words, when several)."""
    words = ["sh", "-c", command[0]] if len(command) == 1 else list(command)
    main = {"name": "main", "image": "busybox", "command": words, **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": NAME, "terminationGracePeriodSeconds": 2, "containers": [main]},
    }


@dataclass
class PocketNode:
    """One node; `restart` ends and begins the kubelet while the pods stay, as a crash does."""

    journal: FillableJournal
    server: ApiServer
    folder: Path
    network: IPv4Network
    kubelet: Kubelet = field(init=False)
    cluster: Cluster = field(init=False)
    renew_tokens_at: float = 0.8
    retry_s: float = 10.0
    _task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls) -> PocketNode:
        """An empty cluster with one node."""
        network = IPv4Network(f"127.{170 + secrets.randbelow(9)}.{secrets.randbelow(256)}.0/24")
        folder = Path(tempfile.mkdtemp(prefix="autostack-node-"))
        journal = FillableJournal()
        node = cls(journal, await ApiServer.open(journal), folder, network)
        await node.begin()
        return node

    async def begin(self) -> None:
        """Start the kubelet."""
        settings = NodeSettings(
            NAME, self.folder / "node", self.network, "127.0.0.1", 6443, self.renew_tokens_at, self.retry_s
        )
        images = Images(self.folder / "registry", self.folder / "images")
        self.cluster = Cluster(self.server.client("system:node:test-node"), component="kubelet")
        self.kubelet = Kubelet.create(self.cluster, settings, images)
        self.server.attach_node(self.kubelet.gateway)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self.cluster.start(group)
            group.create_task(self.kubelet.run())

    async def end(self) -> None:
        """Stop the kubelet as a crash would: the pods go on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def create(self, obj: Object) -> Object:
        """Store an object."""
        kind = next(kind for kind in _KINDS if kind.name == obj["kind"])
        return await self.cluster.client.create(kind.resource, obj, obj["metadata"].get("namespace"))

    async def pod(self, name: str) -> Object:
        """The stored pod."""
        return await self.cluster.client.get(POD.resource, name, "default")

    async def until(self, name: str, wanted: Any, within_s: float = 30) -> Object:
        """The pod as soon as `wanted(status)` holds."""

        async def probe() -> Object | None:
            pod = await self.pod(name)
            self._last = pod.get("status")
            return pod if wanted(pod.get("status") or {}) else None

        try:
            return await eventually(probe, within_s=within_s, what=f"pod {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; status {self._last}; events {await self.events(name)}") from None

    async def ready(self, name: str, within_s: float = 30) -> Object:
        """The pod when it is Ready."""
        return await self.until(name, is_ready, within_s)

    async def done(self, name: str, within_s: float = 30) -> Object:
        """The pod when it is over."""
        return await self.until(name, lambda status: status.get("phase") in ("Succeeded", "Failed"), within_s)

    async def logs(self, name: str, container: str = "main", **options: Any) -> str:
        """The container's output."""
        from autostack.pocket.node import LogOptions

        pod = await self.pod(name)
        pieces = [piece async for piece in self.kubelet.gateway.logs(pod, LogOptions(container, **options))]
        return b"".join(pieces).decode()

    async def output(self, pod: Object) -> str:
        """What a pod prints before it ends."""
        await self.create(pod)
        name = pod["metadata"]["name"]
        await self.done(name)
        return await self.logs(name)

    async def exec(self, name: str, *command: str, tty: bool = False) -> tuple[int, str]:
        """(exit code, output) of a command in the pod's container `main`."""
        session = await self.kubelet.gateway.exec(
            await self.pod(name), "main", list(command), tty=tty, stdin=False
        )
        out = b""
        while piece := await session.read_stdout():
            out += piece
        while piece := await session.read_stderr():
            out += piece
        code = await session.wait()
        session.close()
        return code, out.decode()

    async def events(self, name: str) -> list[tuple[str, str]]:
        """(reason, message) of the pod's Events."""
        found = await self.cluster.client.list(EVENT.resource, "default")
        return [
            (one["reason"], one["message"]) for one in found.items if one["involvedObject"]["name"] == name
        ]

    async def until_event(self, name: str, reason: str, words: str = "") -> str:
        """The message of an Event as soon as there is one."""

        async def probe() -> str | None:
            return next((m for r, m in await self.events(name) if r == reason and words in m), None)

        return await eventually(probe, what=f"Event {reason} {words!r} about {name}")

    async def gone(self, name: str, within_s: float = 30) -> None:
        """Wait until the pod's object is gone."""

        async def probe() -> bool:
            try:
                await self.pod(name)
            except ApiError as error:
                return error.code == 404
            return False

        await eventually(probe, within_s=within_s, what=f"end of pod {name}")

    async def close(self) -> None:
        """End everything, pods included."""
        if self._task is not None and not self._task.done():
            await self.kubelet.stop_pods(at_most_s=0)
        await self.end()
        await self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_ready(status: Object) -> bool:
    """Whether a pod's status says Ready."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])


def _kinds() -> tuple[Kind, ...]:
    from autostack.pocket.controllers import kinds

    return tuple(value for value in vars(kinds).values() if isinstance(value, Kind))


_KINDS = _kinds()
