"""What all pods of this node share: identity, folders, caches, images, cgroups, addresses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import CLAIM, CONFIG_MAP, ENDPOINT_SLICE, POD, SECRET, SERVICE, VOLUME
from autostack.pocket.images.images import Images
from autostack.pocket.kubelet.cgroups import Cgroups
from autostack.pocket.kubelet.environment import Sources

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the system's tmpfs; our folder in it is private


def shared_memory(pod_network: IPv4Network) -> Path:
    """The folder of a cluster's emptyDirs in memory, told apart by its network and its user."""
    return SHARED_MEMORY / f"autostack-{os.getuid()}-{pod_network.network_address}"


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One node; `folder` holds its pods, `api` is where pods reach the API server."""

    name: str
    folder: Path
    pod_network: IPv4Network
    api_host: str
    api_port: int
    renew_tokens_at: float = 0.8
    """The part of a service-account token's lifetime after which it is renewed."""
    retry_s: float = 10.0
    """The pause before what failed over one pod, e.g. on a full disk, is tried again."""

    @property
    def pods(self) -> Path:
        """One folder a pod, named by its uid."""
        return self.folder / "pods"

    @property
    def host_ip(self) -> str:
        """The node's own address."""
        return str(self.pod_network[1])

    @property
    def memory(self) -> Path:
        """Where emptyDirs in memory live."""
        return shared_memory(self.pod_network)


class Addresses:
    """Pod addresses: the next free one after the last given, so that one is not reused at once."""

    def __init__(self, network: IPv4Network) -> None:
        self._network = network
        self._taken: dict[str, str] = {}
        self._last = 9  # the low end is the node's

    def take(self, uid: str, wanted: str = "") -> str:
        """The pod's address: the one it has, else `wanted` (which it had) if that is free, else another."""
        for address, holder in self._taken.items():
            if holder == uid:
                return address
        if wanted and wanted not in self._taken:
            self._taken[wanted] = uid
            return wanted
        size = self._network.num_addresses
        for _ in range(size):
            self._last = self._last + 1 if self._last + 2 < size else 10
            address = str(self._network[self._last])
            if address not in self._taken:
                self._taken[address] = uid
                return address
        raise RuntimeError(f"all addresses of {self._network} are in use")

    def release(self, uid: str) -> None:
        """Give back what the pod has; none of its programs may run any more."""
        self._taken = {address: holder for address, holder in self._taken.items() if holder != uid}


TokenMaker = Callable[[Object, str | None, int], Awaitable[str]]
"""(pod, audience, lifetime in seconds) → a service-account token that is bound to the pod."""


@dataclass
class Node:
    """Shared by all pods of the node."""

    settings: NodeSettings
    cluster: Cluster
    images: Images
    cgroups: Cgroups | None
    make_token: TokenMaker
    cpus: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_bytes: int = field(
        default_factory=lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    )

    def __post_init__(self) -> None:
        self.addresses = Addresses(self.settings.pod_network)
        self.starting = asyncio.Semaphore(2 * self.cpus)
        self._config_changed = asyncio.Event()
        for kind in (CONFIG_MAP, SECRET, CLAIM, VOLUME):
            self.cluster.informer(kind).listen(lambda _old, _new: self.wake_waiting())
        for kind in (SERVICE, ENDPOINT_SLICE, POD):
            self.cluster.informer(kind)

    def sources(self, namespace: str) -> Sources:
        """ConfigMaps and Secrets of a namespace, from the local copies."""
        config_maps, secrets = self.cluster.cache(CONFIG_MAP), self.cluster.cache(SECRET)
        return Sources(
            config_map=lambda name: config_maps.get((namespace, name)),
            secret=lambda name: secrets.get((namespace, name)),
        )

    def wake_waiting(self) -> None:
        """Something that a pod may wait for has changed."""
        event, self._config_changed = self._config_changed, asyncio.Event()
        event.set()

    async def wait_for_change(self, at_most_s: float) -> None:
        """Until a ConfigMap, Secret or claim changes, or the time is over."""
        event = self._config_changed
        try:
            async with asyncio.timeout(at_most_s):
                await event.wait()
        except TimeoutError:
            return
