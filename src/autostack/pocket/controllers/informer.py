"""A local copy of one kind, kept equal to the API server by list and watch, and shared by all controllers.

The copy also reads our own writes: the answer to a write goes into it at once, so a controller never
decides on a state that it has itself outdated (which is how duplicate pods are made, and what
expectations prevent elsewhere). It relies on resourceVersions of one kind being ordered numbers, which the
API guarantees since Kubernetes 1.35. A compacted version (410) leads to a new list, from which the
differences are told as changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from autostack.pocket.client import ApiClient, Object, WatchEvent
from autostack.pocket.controllers.kinds import Kind
from autostack.pocket.controllers.meta import Key, controller_of, key_of
from autostack.pocket.errors import ApiError

log = logging.getLogger(__name__)

Change = tuple[Object | None, Object | None]
"""What an object was and what it is; None before it exists and after it is gone."""

Listener = Callable[[Object | None, Object | None], None]

RELIST_DELAY_S = 1.0
WATCH_PAUSE_S = 0.1


def version_of(obj: Object) -> int:
    """The object's resourceVersion as a number."""
    return int(obj["metadata"]["resourceVersion"])


class Cache:
    """The copy itself: lookups by key, by namespace and by controlling owner. No I/O."""

    def __init__(self) -> None:
        self._objects: dict[Key, Object] = {}
        self._namespaces: dict[str, dict[str, Object]] = {}
        self._owned: dict[str, dict[Key, Object]] = {}
        self._seen = 0

    def get(self, key: Key) -> Object | None:
        """The object, read-only."""
        return self._objects.get(key)

    def all(self) -> list[Object]:
        """Every object."""
        return list(self._objects.values())

    def within(self, namespace: str) -> list[Object]:
        """Every object of one namespace."""
        return list(self._namespaces.get(namespace, {}).values())

    def controlled_by(self, uid: str) -> list[Object]:
        """Every object whose controller has this uid."""
        return list(self._owned.get(uid, {}).values())

    def _store(self, key: Key, obj: Object | None) -> Change | None:
        old = self._objects.pop(key, None)
        if old is not None:
            self._namespaces[key[0]].pop(key[1])
            owner = controller_of(old)
            if owner is not None:
                kept = self._owned[owner["uid"]]
                kept.pop(key)
                if not kept:
                    del self._owned[owner["uid"]]
        if obj is not None:
            self._objects[key] = obj
            self._namespaces.setdefault(key[0], {})[key[1]] = obj
            owner = controller_of(obj)
            if owner is not None:
                self._owned.setdefault(owner["uid"], {})[key] = obj
        return None if old is obj is None else (old, obj)

    def replace(self, items: Iterable[Object], version: int) -> list[Change]:
        """Become equal to a list; what we wrote after the list was made stays."""
        fresh = {key_of(item): item for item in items}
        gone = [key for key, old in self._objects.items() if key not in fresh and version_of(old) <= version]
        self._seen = max(self._seen, version)
        changes = [self._store(key, None) for key in gone]
        changes += [self._newer(key, item) for key, item in fresh.items()]
        return [change for change in changes if change is not None]

    def _newer(self, key: Key, obj: Object) -> Change | None:
        known = self._objects.get(key)
        if known is not None and version_of(known) >= version_of(obj):
            return None
        return self._store(key, obj)

    def follow(self, event: WatchEvent) -> Change | None:
        """Take over an event of the watch, which come in the order of their versions."""
        version = version_of(event.object)
        self._seen = max(self._seen, version)
        if event.type == "BOOKMARK":
            return None
        key = key_of(event.object)
        if event.type != "DELETED":
            return self._newer(key, event.object)
        known = self._objects.get(key)
        if known is None or version_of(known) > version:
            return None
        return self._store(key, None)

    def observe(self, obj: Object) -> Change | None:
        """Take over the answer to a write, unless the watch has passed it already (it may be deleted)."""
        return self._newer(key_of(obj), obj) if version_of(obj) > self._seen else None

    def forget(self, obj: Object) -> Change | None:
        """Take over the answer to a deletion that took effect at once."""
        known = self._objects.get(key_of(obj))
        if known is None or known["metadata"]["uid"] != obj["metadata"]["uid"]:
            return None
        return self._store(key_of(obj), None)


class Informer:
    """Keeps the cache of one kind current for as long as `run` runs, and tells listeners of every change."""

    def __init__(self, client: ApiClient, kind: Kind) -> None:
        self.kind = kind
        self.cache = Cache()
        self.synced = asyncio.Event()
        self._client = client
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Hear of every change from now on, and of what is already known as new."""
        self._listeners.append(listener)
        for obj in self.cache.all():
            listener(None, obj)

    def tell(self, change: Change | None) -> None:
        """Pass a change of the cache on."""
        if change is not None:
            for listener in self._listeners:
                listener(*change)

    async def run(self) -> None:
        """List, watch, and list again when the watch can't go on; ends only by cancellation."""
        while True:
            try:
                version = await self._list()
                await self._watch(version)
            except ApiError as error:
                if error.code == 410:
                    continue
                log.warning(
                    "watch failed", extra={"kind": self.kind.name, "code": error.code, "error": error.message}
                )
                await asyncio.sleep(RELIST_DELAY_S)

    async def _list(self) -> str:
        listing = await self._client.list(self.kind.resource)
        for change in self.cache.replace(listing.items, int(listing.resource_version)):
            self.tell(change)
        self.synced.set()
        return listing.resource_version

    async def _watch(self, version: str) -> None:
        while True:
            async for event in self._client.watch(self.kind.resource, resource_version=version):
                self.tell(self.cache.follow(event))
                version = event.object["metadata"]["resourceVersion"]
            await asyncio.sleep(WATCH_PAUSE_S)
