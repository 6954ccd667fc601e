"""Steering: every change of Services, endpoints or host ports becomes a table, and the table goes to the
forwarder.

It is one more controller on the shared loop. Changes that arrive together become one table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import ENDPOINT_SLICE, POD, SERVICE, Kind
from autostack.pocket.controllers.loop import Controller, run_controller
from autostack.pocket.controllers.meta import Key, uid_of
from autostack.pocket.proxy import ProxySettings
from autostack.pocket.proxy.link import ForwarderLostError, Link
from autostack.pocket.proxy.table import Table, build, declared_host_ports

ROUND: Key = ("", "round")
RETRY_S = 5.0
RESTART_S = 0.5


class Steering:
    """Holds the link and what was told already."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sent: Table | None = None
        self._told: set[tuple[str, str, str]] = set()
        self._one_at_a_time = asyncio.Lock()

    def controller(self) -> Controller:
        """The controller as data."""

        def always(obj: Object) -> Iterable[Key]:
            del obj
            return (ROUND,)

        def with_host_port(pod: Object) -> Iterable[Key]:
            return (ROUND,) if declared_host_ports(pod) else ()

        watches = {SERVICE: always, ENDPOINT_SLICE: always, POD: with_host_port}
        return Controller("service-proxy", watches, self._steer, workers=1)

    async def supervise(self, cluster: Cluster) -> None:
        """Start a new forwarder whenever the present one has ended, until cancelled."""
        while True:
            await self._link.lost.wait()
            self._link.lost.clear()
            self._sent = None
            again_s = await self._steer(cluster, ROUND)
            if again_s == RESTART_S:
                await asyncio.sleep(again_s)
                self._link.lost.set()

    async def _steer(self, cluster: Cluster, key: Key) -> float | None:
        del key
        async with self._one_at_a_time:
            return await self._round(cluster)

    async def _round(self, cluster: Cluster) -> float | None:
        pods = [pod for pod in cluster.cache(POD).all() if declared_host_ports(pod)]
        table = build(cluster.cache(SERVICE).all(), cluster.cache(ENDPOINT_SLICE).all(), pods)
        for remark in table.remarks:
            self._tell(cluster, remark.kind, remark.about, remark.reason, remark.message)
        if self._sent is not None and self._sent.listeners == table.listeners:
            return None
        self._sent = None
        listeners = {
            key: {"host": one.host, "port": one.port, "backends": one.backends}
            for key, one in table.listeners.items()
        }
        try:
            failed = await self._link.send(listeners)
        except ForwarderLostError:
            return RESTART_S
        for where, why in failed.items():
            kind, owner = table.owners[where]
            hint = "; ports below 1024 need root" if int(where.rsplit(":", 1)[1]) < 1024 else ""
            self._tell(cluster, kind, owner, "FailedToListen", f"can't listen on {where}: {why}{hint}")
        if failed:
            return RETRY_S
        self._sent = table
        return None

    def _tell(self, cluster: Cluster, kind: Kind, about: Object, reason: str, message: str) -> None:
        note = (uid_of(about), reason, message)
        if note not in self._told:
            self._told.add(note)
            cluster.event(kind, about, "Warning", reason, message)


async def run_on(cluster: Cluster, settings: ProxySettings) -> None:
    """Keep the forwarder equal to the cluster until cancelled; the forwarder stays. `cluster` is started
    elsewhere.
    """
    link = Link(settings.state)
    try:
        steering = Steering(link)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_controller(steering.controller(), cluster), name="service-proxy-steering")
            tasks.create_task(
                steering.supervise(cluster.speaking_as("service-proxy")), name="service-proxy-watch"
            )
    finally:
        link.close()


async def stop(settings: ProxySettings) -> None:
    """End the cluster's forwarder, if one runs: it accepts nothing more and waits a little for open
    connections.
    """
    await Link(settings.state).stop()
