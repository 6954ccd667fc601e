"""What a controller sees of the cluster: caches to read, verbs to write, Events to tell, and a clock.

Every write's answer goes into the cache of its kind before the verb returns, so the next decision sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from autostack.pocket.client import ApiClient, Object, Propagation
from autostack.pocket.controllers.events import EventRecorder, EventType, Note
from autostack.pocket.controllers.informer import Cache, Informer
from autostack.pocket.controllers.kinds import Kind
from autostack.pocket.controllers.meta import name_of, namespace_of, uid_of
from autostack.pocket.errors import ApiError


def wall_clock() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class Cluster:
    """Shared by all controllers of a process. `component` names who speaks in Events."""

    def __init__(
        self, client: ApiClient, *, now: Callable[[], datetime] = wall_clock, component: str = "controllers"
    ) -> None:
        self.client = client
        self.now = now
        self.component = component
        self.recorder = EventRecorder(client, now)
        self._informers: dict[Kind, Informer] = {}
        self._running: dict[Kind, asyncio.Task[None]] = {}
        self._group: list[asyncio.TaskGroup] = []

    def speaking_as(self, component: str) -> Cluster:
        """The same cluster, with another name in its Events."""
        other = Cluster.__new__(Cluster)
        other.__dict__.update(self.__dict__)
        other.component = component
        return other

    def informer(self, kind: Kind) -> Informer:
        """The kind's one informer, made (and run, once the cluster runs) when first asked for."""
        found = self._informers.get(kind)
        if found is None:
            found = self._informers[kind] = Informer(self.client, kind)
            if self._group:
                self._follow(found)
        return found

    def _follow(self, informer: Informer) -> None:
        name = f"informer-{informer.kind.resource.plural}"
        self._running[informer.kind] = self._group[0].create_task(informer.run(), name=name)

    def drop(self, kind: Kind) -> None:
        """Stop following a kind that is no longer served."""
        self._informers.pop(kind, None)
        task = self._running.pop(kind, None)
        if task is not None:
            task.cancel()

    def cache(self, kind: Kind) -> Cache:
        """The kind's local copy."""
        return self.informer(kind).cache

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Run the informers and the Event writer in the group, including informers asked for later."""
        self._group.append(tasks)
        tasks.create_task(self.recorder.run(), name="event-recorder")
        for informer in self._informers.values():
            self._follow(informer)

    async def create(self, kind: Kind, obj: Object) -> Object:
        """Create the object in its own namespace."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **obj}
        made = await self.client.create(kind.resource, body, namespace_of(obj) or None)
        return self._observed(kind, made)

    async def update(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object:
        """Replace the object or its subresource; 409 when it was changed meanwhile."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **obj}
        return self._observed(kind, await self.client.update(kind.resource, body, subresource=subresource))

    async def set_status(self, kind: Kind, obj: Object, status: Mapping[str, Any]) -> Object:
        """Write the status if it differs from what the object carries."""
        if (obj.get("status") or {}) == status:
            return obj
        return await self.update(kind, {**obj, "status": dict(status)}, subresource="status")

    async def patch(
        self, kind: Kind, obj: Object, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> Object:
        """Merge `patch` into the object, provided that it is still the same one."""
        body = {**patch, "metadata": {**(patch.get("metadata") or {}), "uid": uid_of(obj)}}
        answer = await self.client.patch(
            kind.resource, name_of(obj), body, namespace_of(obj) or None, subresource=subresource
        )
        return self._observed(kind, answer)

    async def delete(
        self,
        kind: Kind,
        obj: Object,
        *,
        propagation: Propagation = "Background",
        grace_period_s: int | None = None,
    ) -> None:
        """Delete this very object; nothing happens if it is gone already."""
        try:
            answer = await self.client.delete(
                kind.resource,
                name_of(obj),
                namespace_of(obj) or None,
                propagation=propagation,
                grace_period_s=grace_period_s,
                uid=uid_of(obj),
            )
        except ApiError as error:
            if error.code == 404 or (error.code == 409 and error.reason == "Conflict"):
                self.informer(kind).tell(self.cache(kind).forget(obj)) if error.code == 404 else None
                return
            raise
        metadata = answer.get("metadata") or {}
        if metadata.get("deletionTimestamp") and metadata.get("resourceVersion"):
            self._observed(kind, answer)
        else:
            self.informer(kind).tell(self.cache(kind).forget(obj))

    def _observed(self, kind: Kind, answer: Object) -> Object:
        informer = self._informers.get(kind)
        if informer is not None and informer.synced.is_set():
            informer.tell(informer.cache.observe(answer))
        return answer

    def event(self, kind: Kind, about: Object, type_: EventType, reason: str, message: str) -> None:
        """Tell a person something about an object."""
        self.recorder.record(Note(kind, about, type_, reason, message, self.component))


@contextmanager
def tolerating(*codes: int) -> Iterator[None]:
    """Pass over API failures with these codes: the wanted state is there, or the next change retries."""
    try:
        yield
    except ApiError as error:
        if error.code not in codes:
            raise
