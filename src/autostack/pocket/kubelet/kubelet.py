"""The kubelet's loop: pods of this node come, change and go; each has a task of its own.

At the start, sandboxes that run are found first, then the stored pods are read: what belongs to one is
adopted, all else is ended. Whether a pod is stored is the only question there: one that can't be taken on now
(on a full disk, say) keeps its processes and files, and is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from autostack.pocket.client import ApiClient, Object, Resource
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import CLAIM, CONFIG_MAP, ENDPOINT_SLICE, POD, SECRET, SERVICE, VOLUME
from autostack.pocket.images.expiry import MARK_EVERY_S
from autostack.pocket.images.images import Images
from autostack.pocket.kubelet.attempts import attempts
from autostack.pocket.kubelet.cgroups import find_cgroups
from autostack.pocket.kubelet.container import Container
from autostack.pocket.kubelet.gateway import Gateway
from autostack.pocket.kubelet.heartbeat import Heartbeat
from autostack.pocket.kubelet.hosts import service_lines
from autostack.pocket.kubelet.logs import LogFile
from autostack.pocket.kubelet.node import Node, NodeSettings, TokenMaker
from autostack.pocket.kubelet.pod import Pod, take_address
from autostack.pocket.kubelet.process import kill_orphan, running_sandboxes
from autostack.pocket.kubelet.usage import Meter

log = logging.getLogger(__name__)

SERVICE_ACCOUNT = Resource("", "v1", "serviceaccounts")
HOSTS_PAUSE_S = 0.05
MARK_S = 1.0


class Kubelet:
    """The node. Make it with `create`, then `run` it in a task beside the cluster's informers."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pods: dict[str, Pod] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._left_out: dict[str, Object] = {}
        self._some_left_out = asyncio.Event()
        self._hosts: dict[str, str] = {}
        self._hosts_changed = asyncio.Event()
        self.ready = asyncio.Event()
        self._running = running_sandboxes(node.settings.pods)
        self._logs: dict[Container, LogFile] = {}
        self._meter = Meter(node.cgroups, self._containers)
        self.gateway = Gateway(self._pods.get, self._named, self._meter)

    @classmethod
    def create(cls, cluster: Cluster, settings: NodeSettings, images: Images) -> Kubelet:
        """Compose the node's parts; `cluster` speaks in Events as the kubelet."""
        settings.pods.mkdir(parents=True, exist_ok=True)
        settings.pods.chmod(0o700)
        group = f"autostack-{os.getuid()}-{settings.pod_network.network_address}"
        return cls(Node(settings, cluster, images, find_cgroups(group), _token_maker(cluster.client)))

    def _containers(self) -> Iterator[Container]:
        for pod in self._present():
            yield from pod.everyone

    def _present(self) -> list[Pod]:
        return [pod for pod in self._pods.values() if not pod.is_over]

    def _named(self, key: tuple[str, str]) -> Pod | None:
        return next((pod for pod in self._pods.values() if pod.key == key), None)

    async def run(self) -> None:
        """Be the node until cancelled; the pods' processes then stay, to be adopted."""
        cluster = self._node.cluster
        for kind in (CONFIG_MAP, SECRET, CLAIM, VOLUME, SERVICE, ENDPOINT_SLICE, POD):
            await cluster.informer(kind).synced.wait()
        heartbeat = Heartbeat(self._node)
        await heartbeat.register()
        for kind in (SERVICE, ENDPOINT_SLICE):
            cluster.informer(kind).listen(lambda _old, _new: self._hosts_changed.set())
        self._reserve_addresses()
        cluster.informer(POD).listen(self._on_pod)
        self._end_strays(self._running)
        self._running = {}
        self.ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(heartbeat.run(), name="heartbeat")
                group.create_task(self._meter.run(), name="meter")
                group.create_task(self._keep_hosts(), name="hosts")
                group.create_task(self._take_on_left_out(), name="left-out")
                group.create_task(self._mark_logs(), name="log-times")
                group.create_task(self._keep_images(), name="images")
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _keep_images(self) -> None:
        """Let go of images that no pod has used for long."""
        while True:
            ids = [one.view.image_id for one in self._containers()]
            await self._node.images.keep(text for text in ids if "@sha256:" in text)
            await asyncio.sleep(MARK_EVERY_S)

    def _reserve_addresses(self) -> None:
        """Give those pods theirs first that were here before: what came meanwhile must not get one in use."""
        for pod in self._node.cluster.cache(POD).all():
            if (self._node.settings.pods / pod["metadata"]["uid"]).exists():
                take_address(self._node, pod)

    async def stop_pods(self, *, at_most_s: float) -> None:
        """Stop every container gracefully, because the node goes down; the pods stay in the API."""
        await asyncio.gather(*(pod.stop(at_most_s=at_most_s) for pod in self._pods.values()))

    def _on_pod(self, old: Object | None, new: Object | None) -> None:
        if old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
            self._on_gone(old["metadata"]["uid"])
        if new is None or new["spec"].get("nodeName") != self._node.settings.name:
            return
        uid = new["metadata"]["uid"]
        if uid in self._pods:
            self._pods[uid].update(new)
        elif uid in self._left_out:
            self._left_out[uid] = new
        else:
            self._add(uid, new, self._running)

    def _on_gone(self, uid: str) -> None:
        if uid in self._pods:
            self._pods[uid].vanish()
        elif self._left_out.pop(uid, None) is not None:
            self._end_strays(running_sandboxes(self._node.settings.pods))
            self._node.addresses.release(uid)

    def _add(self, uid: str, obj: Object, running: dict[Path, int]) -> None:
        try:
            pod = Pod(self._node, obj, running)
            services = self._services(pod.key[0])
        except Exception:  # a fault of ours, or of the disk, over one pod must not end the node
            log.exception("pod could not be taken on", extra={"uid": uid, "pod": obj["metadata"]["name"]})
            self._leave_out(uid, obj)
            return
        self._left_out.pop(uid, None)
        self._pods[uid] = pod
        self._show_hosts(pod, services)
        self._tasks[uid] = asyncio.create_task(self._host(uid, pod), name=f"pod-{pod.key[1]}")

    def _leave_out(self, uid: str, obj: Object) -> None:
        self._left_out[uid] = obj
        self._some_left_out.set()

    async def _take_on_left_out(self) -> None:
        """Try those again that could not be taken on."""
        while True:
            await self._some_left_out.wait()
            self._some_left_out.clear()
            await asyncio.sleep(self._node.settings.retry_s)
            running = running_sandboxes(self._node.settings.pods)
            for uid, obj in list(self._left_out.items()):
                self._add(uid, obj, running)

    async def _host(self, uid: str, pod: Pod) -> None:
        broke = False
        try:
            await pod.run()
        except Exception:  # a fault of ours in one pod must not end the node
            log.exception("pod task broke", extra={"pod": pod.key})
            broke = True
        finally:
            for known in (self._pods, self._tasks, self._hosts):
                known.pop(uid, None)
        if broke:
            self._leave_out(uid, pod.object)

    def _end_strays(self, running: dict[Path, int]) -> None:
        """End what runs, and remove what lies here, of pods that are not stored any more."""
        kept = {pod["metadata"]["uid"] for pod in self._node.cluster.cache(POD).all()} | self._pods.keys()
        for attempt, pid in running.items():
            if attempt.parents[2].name not in kept:
                log.warning("stray sandbox ended", extra={"attempt": str(attempt)})
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for folder in self._node.settings.pods.iterdir():
            if folder.name not in kept:
                for container in (folder / "containers").glob("*"):
                    for one in attempts(container):
                        kill_orphan(one.folder / "status")
                shutil.rmtree(folder, ignore_errors=True)

    def _services(self, namespace: str) -> str:
        cluster = self._node.cluster
        return service_lines(namespace, cluster.cache(SERVICE).all(), cluster.cache(ENDPOINT_SLICE).all())

    async def _keep_hosts(self) -> None:
        """Rewrite the pods' hosts when Services or endpoints change; changes that come together are one."""
        while True:
            await self._hosts_changed.wait()
            await asyncio.sleep(HOSTS_PAUSE_S)
            self._hosts_changed.clear()
            namespaces = {pod.key[0] for pod in self._present()}
            fresh = {namespace: self._services(namespace) for namespace in namespaces}
            for pod in self._present():
                self._show_hosts(pod, fresh[pod.key[0]])

    def _show_hosts(self, pod: Pod, services: str) -> None:
        if self._hosts.get(pod.uid) == services:
            return
        try:
            pod.write_hosts(services)
        except OSError as error:  # e.g. the disk is full
            log.warning("hosts not written", extra={"pod": pod.key, "error": str(error)})
            asyncio.get_running_loop().call_later(self._node.settings.retry_s, self._hosts_changed.set)
        else:
            self._hosts[pod.uid] = services

    async def _mark_logs(self) -> None:
        """Keep the times of the containers' output."""
        while True:
            now = time.time()
            for container in self._containers():
                if container.attempt is not None:
                    self._mark_log(container, container.attempt.log, now)
            for gone in [one for one in self._logs if one.pod.object["metadata"]["uid"] not in self._pods]:
                del self._logs[gone]
            await asyncio.sleep(MARK_S)

    def _mark_log(self, container: Container, path: Path, now: float) -> None:
        known = self._logs.get(container)
        if known is None or known.path != path:
            known = self._logs[container] = LogFile(path)
        try:
            known.mark(now)
        except OSError as error:  # e.g. the disk is full: the times have a gap, the output none
            name = container.pod.object["metadata"]["name"]
            log.warning("log times not kept", extra={"pod": name, "error": str(error)})


def _token_maker(client: ApiClient) -> TokenMaker:
    async def make(pod: Object, audience: str | None, lifetime_s: int) -> str:
        bound = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        }
        spec = {
            "expirationSeconds": lifetime_s,
            "boundObjectRef": bound,
            **({"audiences": [audience]} if audience else {}),
        }
        answer = await client.create(
            SERVICE_ACCOUNT,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
            pod["metadata"]["namespace"],
            subresource="token",
            name=pod["spec"].get("serviceAccountName") or "default",
        )
        return str(answer["status"]["token"])

    return make
