"""The cluster as an administrator sees it: watches of workloads and of the chaos agent's Events.

Both are watches, so a kill and the hole that it leaves are seen as they happen, not at the next poll.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Event

from autostack.errors import UnavailableError
from autostack.resilience.samples import Kill, Readiness, Recording

CHAOS_REASON = "ChaosKill"
_AGAIN_S = 0.2


class Clock:
    """Seconds since the proof began, and their relation to the wall clock that Events are written by."""

    def __init__(self) -> None:
        self._monotonic = time.monotonic()
        self.began = datetime.datetime.now(datetime.UTC)

    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._monotonic

    def of(self, moment: datetime.datetime) -> float:
        """A wall-clock moment on this clock; right as far as the machines' clocks agree."""
        return (moment - self.began).total_seconds()


class Observer:
    """Fills a Recording with kills and readiness while `watching`."""

    def __init__(self, client: AsyncClient, namespace: str, clock: Clock, recording: Recording) -> None:
        self._client = client
        self._namespace = namespace
        self._clock = clock
        self._recording = recording
        self._last: dict[str, tuple[int, int]] = {}
        self._seen: set[str] = set()
        self.changed = asyncio.Condition()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch while the block runs; a watch that breaks (a killed control plane) is begun anew."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._again(self._watch_workloads), name="watch workloads"),
                group.create_task(self._again(self._watch_kills), name="watch kills"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    def all_ready(self) -> bool:
        """Whether each workload has as many ready pods as it wants."""
        return bool(self._last) and all(ready >= desired for ready, desired in self._last.values())

    async def until_ready(self, *, within_s: float) -> bool:
        """Wait until all are ready; False when the time is up."""
        try:
            async with asyncio.timeout(within_s), self.changed:
                await self.changed.wait_for(self.all_ready)
        except TimeoutError:
            return False
        return True

    async def _again(self, watch: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await watch()
            except (ApiError, httpx2.HTTPError):
                await asyncio.sleep(_AGAIN_S)

    async def _watch_workloads(self) -> None:
        async for _, workload in self._client.watch(Deployment, namespace=self._namespace):
            if workload.metadata is None or workload.spec is None:
                continue
            name = workload.metadata.name or ""
            ready = (workload.status.readyReplicas if workload.status else None) or 0
            desired = workload.spec.replicas if workload.spec.replicas is not None else 1
            if self._last.get(name) != (ready, desired):
                self._last[name] = (ready, desired)
                self._recording.readiness.append(Readiness(self._clock.now_s(), name, ready, desired))
                async with self.changed:
                    self.changed.notify_all()

    async def _watch_kills(self) -> None:
        async for _, event in self._client.watch(
            Event, namespace=self._namespace, fields={"reason": CHAOS_REASON}
        ):
            uid = event.metadata.uid or ""
            moment = event.eventTime or event.lastTimestamp
            if uid in self._seen or moment is None or self._clock.of(moment) < 0:
                continue
            self._seen.add(uid)
            workload = (event.related.name if event.related else "") or ""
            self._recording.kills.append(
                Kill(self._clock.of(moment), event.involvedObject.name or "", workload)
            )
            async with self.changed:
                self.changed.notify_all()


def unavailable(error: Exception) -> UnavailableError:
    """No cluster to talk to, in one line."""
    return UnavailableError(
        f"the Kubernetes API does not answer: {str(error)[:200]}; is the cluster started?"
    )
