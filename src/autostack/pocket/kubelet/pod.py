"""One pod on this node: volumes, init containers, containers, status, and its end.

Its life runs until the containers are done, its object until somebody deletes it. The status is derived
from the containers' views and written when it has changed; several changes that come together are one
write.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from autostack.pocket.client import Object
from autostack.pocket.controllers.events import EventType
from autostack.pocket.controllers.kinds import POD
from autostack.pocket.errors import ApiError
from autostack.pocket.kubelet.attempts import boot_id
from autostack.pocket.kubelet.container import Container
from autostack.pocket.kubelet.environment import PodFacts
from autostack.pocket.kubelet.errors import MountError
from autostack.pocket.kubelet.fields import shortfalls
from autostack.pocket.kubelet.hosts import DOMAIN, hosts_text
from autostack.pocket.kubelet.node import Node
from autostack.pocket.kubelet.pod_volumes import PodVolumes
from autostack.pocket.kubelet.process import running_sandboxes
from autostack.pocket.kubelet.sandbox import POD_FOLDER, Mount
from autostack.pocket.kubelet.status import CREATING, TERMINAL, PodView, pod_status
from autostack.pocket.kubelet.supervision import kept_up
from autostack.pocket.kubelet.volumes import forget_volumes

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0
GATHER_S = 0.1
SHOW_CREATING_AFTER_S = 0.2
STATUS_RETRY_S = 0.5
FORCED_GRACE_S = 1.0


def take_address(node: Node, obj: Object) -> str:
    """The pod's address, the same as before if it was here before."""
    if obj["spec"].get("hostNetwork"):
        return node.settings.host_ip
    uid: str = obj["metadata"]["uid"]
    before = _kept(node.settings.pods / uid).get("ip", "") or (obj.get("status") or {}).get("podIP", "")
    return node.addresses.take(uid, before)


def _kept(folder: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        kept: dict[str, str] = json.loads((folder / "pod.json").read_text())
        return kept
    return {}


class Pod:
    """One pod; `run` is its task. Implements PodSide for its containers."""

    def __init__(self, node: Node, obj: Object, running: dict[Path, int]) -> None:
        self.node = node
        self.object = obj
        self.uid: str = obj["metadata"]["uid"]
        self.folder = node.settings.pods / self.uid
        spec = obj["spec"]
        self.hostname = (spec.get("hostname") or obj["metadata"]["name"])[:63].rstrip("-.")
        self.pod_ip = take_address(node, obj)
        self._volumes = PodVolumes(node, self.folder)
        self._begun = time.time()
        self._failure: tuple[str, str] | None = None
        self._prepared = False
        self._dirty = asyncio.Event()
        self._doomed = asyncio.Event()
        self._vanished = False
        self._has_lived = False
        self._end_by: float | None = None
        self.is_over = False
        """Its folder is going or gone; nothing may be written there any more."""
        self._written: dict[str, object] | None = None
        self._make_containers(running, same_sandbox=_kept(self.folder).get("boot_id") == boot_id())

    def _make_containers(self, running: dict[Path, int], *, same_sandbox: bool) -> None:
        spec = self.object["spec"]
        policy = spec.get("restartPolicy", "Always")
        init_policy = "Never" if policy == "Never" else "OnFailure"
        self.init_containers = [
            Container(self, one, policy="Always" if sidecar else init_policy, sidecar=sidecar)
            for one in spec.get("initContainers") or []
            for sidecar in [one.get("restartPolicy") == "Always"]
        ]
        self.containers = [Container(self, one, policy=policy) for one in spec["containers"]]
        for container in self.everyone:
            container.recall(running)
        if not same_sandbox:
            for container in self.init_containers:
                view = container.view
                if view.ended is not None:
                    container.view = replace(view, ended=None, last=view.ended, waiting=CREATING)

    @property
    def everyone(self) -> list[Container]:
        """Init containers and containers."""
        return [*self.init_containers, *self.containers]

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.object["metadata"]["namespace"], self.object["metadata"]["name"]

    def container(self, name: str) -> Container | None:
        """A container by name."""
        return next((one for one in self.everyone if one.name == name), None)

    # What containers ask of their pod.

    def changed(self) -> None:
        """Write the status soon."""
        self._dirty.set()

    def event(self, type_: EventType, reason: str, message: str) -> None:
        """Tell a person."""
        self.node.cluster.event(POD, self.object, type_, reason, message)

    def facts(self) -> PodFacts:
        """For the downward API."""
        return PodFacts(self.pod_ip, self.node.settings.host_ip, self.node.cpus, self.node.memory_bytes)

    def mounts(self, container: Object, environment: Mapping[str, str]) -> list[Mount]:
        """The container's mounts, the pod's own folder among them."""
        own = Mount(str(self.folder / "net"), POD_FOLDER, read_only=True)
        return [own, *self._volumes.mounts(container, environment)]

    # What the kubelet tells.

    def update(self, obj: Object) -> None:
        """The stored pod has changed."""
        before, self.object = self.object, obj
        if obj["metadata"].get("deletionTimestamp"):
            self._doomed.set()
            self._shorten(self._grace_s())
        for section in ("labels", "annotations"):
            if before["metadata"].get(section) != obj["metadata"].get(section):
                self.node.wake_waiting()

    def _shorten(self, grace_s: float) -> None:
        """Deleted again, with less time than it has left."""
        if self._end_by is not None and time.monotonic() + grace_s < self._end_by:
            self._end_by = time.monotonic() + grace_s
            for container in self.everyone:
                container.shorten(grace_s)

    def vanish(self) -> None:
        """The stored pod is gone: what still runs must go at once."""
        self._vanished = True
        if self._doomed.is_set():
            for container in self.everyone:
                container.hurry()
        self._doomed.set()

    def write_hosts(self, services: str) -> None:
        """Make the pod resolve these Services; a reader sees the old or the new file. May raise OSError."""
        spec = self.object["spec"]
        names = [self.hostname]
        if spec.get("subdomain"):
            names.insert(0, f"{self.hostname}.{spec['subdomain']}.{self.key[0]}.svc.{DOMAIN}")
        text = hosts_text(
            own_address=self.pod_ip, own_names=names, aliases=spec.get("hostAliases") or [], services=services
        )
        fresh = self.folder / "net" / ".hosts"
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text)
        fresh.rename(fresh.with_name("hosts"))

    # Its life.

    async def run(self) -> None:
        """From now until the pod is deleted; cancelling leaves the processes to be adopted."""
        works = {"status": self._publish, "containers": self._live, "volumes": self._keep_volumes}
        tasks = [
            asyncio.create_task(kept_up(self, part, work), name=f"{part}-{self.uid}")
            for part, work in works.items()
        ]
        try:
            if self.object["metadata"].get("deletionTimestamp"):
                self._doomed.set()
            await self._doomed.wait()
            await self._end(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self) -> None:
        if (self.object.get("status") or {}).get("phase") in TERMINAL:
            return
        if self._refused():
            return
        if self._has_lived:  # a fault of ours came between: what runs is found as after a restart
            running = running_sandboxes(self.node.settings.pods)
            for container in self.everyone:
                container.recall(running)
        self._has_lived = True
        asyncio.get_running_loop().call_later(SHOW_CREATING_AFTER_S, self.changed)
        async with asyncio.TaskGroup() as group:
            deadline = group.create_task(self._watch_deadline(), name=f"deadline-{self.uid}")
            await self._run_containers()
            deadline.cancel()

    def _refused(self) -> bool:
        found = shortfalls(self.object)
        for one in found:
            self.event("Warning", "Refused" if one.refused else "NotSupported", f"{one.path}: {one.message}")
        refused = "; ".join(f"{one.path}: {one.message}" for one in found if one.refused)
        if refused:
            for container in self.everyone:
                container.show(
                    waiting=("CreateContainerConfigError", f"not possible on this node: {refused}")
                )
        return bool(refused)

    async def _run_containers(self) -> None:
        await self._provide()
        self._prepared = True
        async with asyncio.TaskGroup() as sidecars:
            if await self._initialize(sidecars):
                async with asyncio.TaskGroup() as group:
                    for container in self.containers:
                        group.create_task(container.run(), name=f"container-{container.name}")
            await self._stop([one for one in reversed(self.init_containers) if one.view.sidecar])
        self.changed()

    async def _initialize(self, sidecars: asyncio.TaskGroup) -> bool:
        """Run the init containers, and leave those that stay in the group; whether the others succeeded."""
        for container in self.init_containers:
            if container.view.sidecar:
                sidecars.create_task(container.run(), name=f"sidecar-{container.name}")
                await container.up.wait()
            else:
                ended = await container.run()
                if ended is None or ended.exit_code != 0:
                    return False
        return True

    def _prepare(self) -> None:
        net = self.folder / "net"
        net.mkdir(parents=True, exist_ok=True)
        net.chmod(0o755)
        (net / "hostname").write_text(f"{self.hostname}\n")
        resolv = Path("/etc/resolv.conf")
        (net / "resolv.conf").write_text(resolv.read_text() if resolv.exists() else "")
        if not (net / "hosts").exists():
            self.write_hosts("")
        namespace, name = self.key
        kept = {"ip": self.pod_ip, "namespace": namespace, "name": name, "boot_id": boot_id()}
        (self.folder / "pod.json").write_text(json.dumps(kept))

    async def _provide(self) -> None:
        """Make the pod's own files and its volumes, as soon as that is possible."""
        while True:
            try:
                self._prepare()
                await self._volumes.provide(self.object, self.facts())
            except MountError as error:
                self.event("Warning", "FailedMount", f"MountVolume.SetUp failed {error}")
            except OSError as error:  # e.g. the disk is full
                self.event("Warning", "FailedCreatePodSandBox", f"the pod's folder can't be made: {error}")
            else:
                return
            await self.node.wait_for_change(self.node.settings.retry_s)

    async def _keep_volumes(self) -> None:
        """Follow changes of what the volumes show, and renew tokens in time."""
        while True:
            await self.node.wait_for_change(self._volumes.due_in_s() or LOOK_AGAIN_S)
            await asyncio.sleep(GATHER_S)  # changes that come together are one
            if not self._prepared:
                continue
            try:
                await self._volumes.provide(self.object, self.facts())
            except MountError as error:  # e.g. a ConfigMap is gone: the files stay as they were
                log.debug("volume not updated", extra={"pod": self.key, "error": str(error)})

    async def _watch_deadline(self) -> None:
        limit_s = self.object["spec"].get("activeDeadlineSeconds")
        if limit_s is None:
            return
        await asyncio.sleep(max(self._begun + limit_s - time.time(), 0))
        self._failure = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self.changed()
        await self._stop(self.everyone)

    async def _stop(self, containers: list[Container], grace_s: float | None = None) -> None:
        if grace_s is None:
            grace_s = float(self.object["spec"].get("terminationGracePeriodSeconds", 30))
        await asyncio.gather(*(container.stop(grace_s) for container in containers))

    async def stop(self, *, at_most_s: float) -> None:
        """Stop the containers because the node stops; the pod itself stays and is started anew later."""
        grace_s = float(self.object["spec"].get("terminationGracePeriodSeconds", 30))
        await self._stop(self.everyone, min(grace_s, at_most_s))
        (self.folder / "pod.json").unlink(missing_ok=True)  # the next start is a new sandbox

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        grace_s = FORCED_GRACE_S if self._vanished else self._grace_s()
        self._end_by = time.monotonic() + grace_s
        await self._stop(self.containers, grace_s)
        rest_s = max(self._end_by - time.monotonic(), 0)
        await self._stop(list(reversed(self.init_containers)), rest_s)
        for container in self.everyone:  # nothing is left, unless a fault of ours came between
            container.hurry()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._say_goodbye()
        self.is_over = True
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        forget_volumes(self.folder, memory=self.node.settings.memory)
        self.node.addresses.release(self.uid)

    def _grace_s(self) -> float:
        return float(self.object["metadata"].get("deletionGracePeriodSeconds", 30))

    async def _say_goodbye(self) -> None:
        """The last status, then the end of the object; again and again while the API can't do it."""
        while not self._vanished:
            try:
                await self._write_status()
                await self.node.cluster.delete(POD, self.object, grace_period_s=0)
            except ApiError as error:
                if error.code == 404:
                    return
                log.warning("pod not removed", extra={"pod": self.key, "error": error.message})
                await asyncio.sleep(self.node.settings.retry_s)
            else:
                return

    async def _publish(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._write_status()
            except ApiError as error:
                if error.code == 404:
                    return
                log.warning("status not written", extra={"pod": self.key, "error": error.message})
                self._dirty.set()
                await asyncio.sleep(STATUS_RETRY_S)
            except BaseException:
                self._dirty.set()
                raise

    async def _write_status(self) -> None:
        old = self.object.get("status") or {}
        is_final = old.get("phase") in TERMINAL and self._failure is None
        if is_final and not self.object["metadata"].get("deletionTimestamp"):
            return
        view = PodView(
            containers=[one.view for one in self.containers],
            init_containers=[one.view for one in self.init_containers],
            pod_ip=self.pod_ip if self._prepared else None,
            host_ip=self.node.settings.host_ip,
            started_at=self._begun,
            now=time.time(),
            sandbox_ready=self._prepared,
            failure=self._failure,
        )
        status = pod_status(self.object, view)
        if status == self._written:
            return
        gone: dict[str, object] = {key: None for key in old if key not in status}
        answer = await self.node.cluster.patch(
            POD, self.object, {"status": {**status, **gone}}, subresource="status"
        )
        self._written = status
        self.object = answer
