"""The loop: look at the workloads, attack those that are due, tell what was done.

A failed look or attack is counted and tried again at the next look; it never ends the agent. An unreadable
label is told once, as an Event on the workload that carries it.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from random import Random

from chaos_agent.cluster import Cluster
from chaos_agent.errors import ClusterError, LabelError
from chaos_agent.metrics import ChaosMetrics
from chaos_agent.pace import Pace
from chaos_agent.settings import ChaosSettings
from chaos_agent.targets import Target, read_target
from chaos_agent.victims import choose

REASON = "ChaosKill"

log = logging.getLogger(__name__)


class Agent:
    """One agent; `run` until cancelled, or `attack_once` for a single round on every target."""

    def __init__(
        self, cluster: Cluster, settings: ChaosSettings, metrics: ChaosMetrics, chance: Random | None = None
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._metrics = metrics
        self._chance = chance or Random(None if settings.seed < 0 else settings.seed)  # noqa: S311 - chaos, not secrecy
        self.pace = Pace(self._chance)
        self._told: set[tuple[str, str]] = set()
        self.trouble: str | None = "not looked yet"

    def unready_reason(self) -> str | None:
        """Why the agent cannot work now; None when its last look succeeded."""
        return self.trouble

    async def run(self) -> None:
        """Look, attack, wait, for ever."""
        while True:
            try:
                self.pace.see(await self.look(), time.monotonic())
                self.trouble = None
                for target in self.pace.due(time.monotonic()):
                    await self.attack(target)
            except ClusterError as error:
                self.trouble = str(error)
                self._metrics.failures.inc()
                log.warning("the cluster refused", extra={"error": str(error)})
            await asyncio.sleep(self._settings.look_s)

    async def look(self) -> list[Target]:
        """All targets in the allowed namespaces, the largest identifier last."""
        targets: list[Target] = []
        for namespace in self._settings.namespace_names:
            for kind, workload in await self._cluster.workloads(namespace):
                try:
                    targets.append(read_target(workload, kind=kind, day_s=self._settings.day_s))
                except LabelError as error:
                    await self._tell_unreadable(kind, workload["metadata"], str(error))
        self._metrics.targets.set(len(targets))
        return sorted(targets, key=lambda target: (target.namespace, target.identifier, target.kind))

    async def attack_once(self) -> int:
        """Attack every target now; returns how many pods were killed."""
        return sum([await self.attack(target) for target in await self.look()])

    async def attack(self, target: Target) -> int:
        """Kill what the target's mode asks for; each kill is an Event on its pod and a count."""
        self._metrics.attacks.inc()
        pods = {pod["metadata"]["name"]: pod for pod in await self._cluster.pods(target)}
        killed = 0
        for name in choose(target, list(pods.values()), self._chance):
            at = datetime.datetime.now(datetime.UTC)
            if not self._settings.dry_run and not await self._cluster.kill(target, name):
                continue
            killed += 1
            self._metrics.kills.labels(target.namespace, target.identifier).inc()
            log.info("killed", extra={"pod": name, "workload": target.name, "namespace": target.namespace})
            await self._tell_kill(target, pods[name]["metadata"], at)
        return killed

    async def _tell_kill(self, target: Target, pod: dict[str, str], at: datetime.datetime) -> None:
        verb = "Would delete" if self._settings.dry_run else "Deleted"
        name = pod["name"]
        await self._cluster.tell(
            {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod.get("uid", "")},
            namespace=target.namespace,
            reason=REASON,
            at=at,
            related={"apiVersion": "apps/v1", "kind": target.kind, "name": target.name, "uid": target.uid},
            message=f"{verb} pod {name} of {target.kind} {target.name} ({target.identifier}, {target.mode})",
        )

    async def _tell_unreadable(self, kind: str, metadata: dict[str, str], complaint: str) -> None:
        key = (metadata.get("uid", ""), complaint)
        if key in self._told:
            return
        log.warning("labels not understood", extra={"workload": metadata["name"], "error": complaint})
        await self._cluster.tell(
            {"apiVersion": "apps/v1", "kind": kind, "name": metadata["name"], "uid": metadata.get("uid", "")},
            namespace=metadata["namespace"],
            reason="ChaosLabelsInvalid",
            at=datetime.datetime.now(datetime.UTC),
            message=f"left alone: {complaint}",
            warning=True,
        )
        self._told.add(key)
