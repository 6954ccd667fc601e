"""The live state: every kind that may hold an application's objects, listed once and then followed by
watches.

A change is known within the watch's latency, and a listener hears it at once. The price is one open
connection a kind and the objects in memory; Secrets are kept without their data, except those that we
track and those that say how a repository is reached.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from autostack.gitops import tracking
from autostack.gitops.api import Kind, KubernetesApi
from autostack.gitops.credentials import is_credential
from autostack.gitops.discovery import Kinds, discover
from autostack.gitops.errors import ApiError, GoneError, UnreachableError
from autostack.gitops.objects import Object, ObjectKey, key_of, metadata

log = logging.getLogger(__name__)
Listener = Callable[[ObjectKey, Object | None, Object | None], None]
_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 0.2, 10.0


class LiveState:
    """What the cluster holds. `run` keeps it true; `ready` is set when every kind was listed once."""

    def __init__(self, api: KubernetesApi, listener: Listener) -> None:
        self._api = api
        self._listener = listener
        self._objects: dict[ObjectKey, Object] = {}
        self._owned: dict[str, set[ObjectKey]] = {}
        self._followed: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._unlisted: set[tuple[str, str]] = set()
        self._rediscover = asyncio.Event()
        self.kinds = Kinds([])
        self.unreadable: dict[tuple[str, str], str] = {}
        self.ready = asyncio.Event()

    @property
    def objects(self) -> Mapping[ObjectKey, Object]:
        """All live objects, read-only."""
        return MappingProxyType(self._objects)

    def owned_by(self, application: str) -> frozenset[ObjectKey]:
        """The keys of the objects that carry the application's tracking id."""
        return frozenset(self._owned.get(application, ()))

    def children(self, uid: str) -> Iterator[Object]:
        """The objects that name `uid` as an owner."""
        for obj in self._objects.values():
            if any(owner.get("uid") == uid for owner in metadata(obj).get("ownerReferences") or ()):
                yield obj

    def observe(self, obj: Object) -> None:
        """Take in what a write of ours returned, so that the next question does not see the state before
        it.
        """
        self._store(obj)

    def look_for_kinds(self) -> None:
        """Discover again: a CustomResourceDefinition was applied, or a kind was not known."""
        self._rediscover.set()

    async def refresh_kinds(self) -> None:
        """Discover now, for who needs a kind that was not there a moment ago."""
        self.kinds = await discover(self._api)
        self._rediscover.set()

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        delay_s = _FIRST_BACKOFF_S
        async with asyncio.TaskGroup() as group:
            while True:
                self._rediscover.clear()
                try:
                    self.kinds = await discover(self._api)
                except (ApiError, UnreachableError) as error:
                    log.warning("discovery failed", extra={"fields": {"error": str(error)}})
                    await asyncio.sleep(delay_s)
                    delay_s = min(delay_s * 2, _LAST_BACKOFF_S)
                    continue
                delay_s = _FIRST_BACKOFF_S
                self._follow_kinds(group)
                await self._rediscover.wait()

    def _follow_kinds(self, group: asyncio.TaskGroup) -> None:
        present = {(kind.group, kind.kind): kind for kind in self.kinds.watchable()}
        for address, kind in present.items():
            if address not in self._followed:
                if not self.ready.is_set():
                    self._unlisted.add(address)
                self._followed[address] = group.create_task(self._follow(kind), name=f"follow {kind.plural}")
        for address in [address for address in self._followed if address not in present]:
            self._followed.pop(address).cancel()
            for key in [key for key in self._objects if (key.group, key.kind) == address]:
                self._remove(key)

    async def _follow(self, kind: Kind) -> None:
        delay_s = _FIRST_BACKOFF_S
        while True:
            try:
                version = await self._list(kind)
                delay_s = _FIRST_BACKOFF_S
                while True:
                    version = await self._watch(kind, version)
            except GoneError:
                continue
            except (ApiError, UnreachableError) as error:
                if isinstance(error, ApiError) and error.code in {401, 403, 404, 405}:
                    self.unreadable[kind.group, kind.kind] = str(error)
                    self._listed(kind)
                log.warning(
                    "cannot follow a kind", extra={"fields": {"kind": kind.kind, "error": str(error)}}
                )
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _LAST_BACKOFF_S)

    async def _list(self, kind: Kind) -> str:
        answer = await self._api.list(kind)
        seen = set()
        for item in answer["items"]:
            item.setdefault("apiVersion", f"{kind.group}/{kind.version}" if kind.group else kind.version)
            item.setdefault("kind", kind.kind)
            seen.add(key_of(item))
            self._store(item)
        for key in [key for key in self._objects if (key.group, key.kind) == (kind.group, kind.kind)]:
            if key not in seen:
                self._remove(key)
        self.unreadable.pop((kind.group, kind.kind), None)
        self._listed(kind)
        return str((answer.get("metadata") or {}).get("resourceVersion", ""))

    def _listed(self, kind: Kind) -> None:
        self._unlisted.discard((kind.group, kind.kind))
        if not self._unlisted:
            self.ready.set()

    async def _watch(self, kind: Kind, version: str) -> str:
        async for event in self._api.watch(kind, version):
            obj = event["object"]
            version = str(metadata(obj).get("resourceVersion", version))
            if event["type"] in {"ADDED", "MODIFIED"}:
                self._store(obj)
            elif event["type"] == "DELETED":
                self._forget(obj)
            if kind.kind == "CustomResourceDefinition" and event["type"] != "BOOKMARK":
                self.look_for_kinds()
        return version

    def _store(self, obj: Object) -> None:
        key, before = key_of(obj), self._objects.get(key_of(obj))
        if before is not None and _is_older(obj, before):
            return
        owner = tracking.owner(obj)
        if key.kind == "Secret" and not key.group and owner is None and not is_credential(obj):
            obj = {name: value for name, value in obj.items() if name not in {"data", "stringData"}}
        self._disown(key, before)
        if owner is not None:
            self._owned.setdefault(owner, set()).add(key)
        self._objects[key] = obj
        self._listener(key, before, obj)

    def _forget(self, obj: Object) -> None:
        # The deletion of an object that was already created anew by us must not take the new one with it.
        known = self._objects.get(key_of(obj))
        if known is not None and metadata(known).get("uid") == metadata(obj).get("uid"):
            self._remove(key_of(obj))

    def _remove(self, key: ObjectKey) -> None:
        before = self._objects.pop(key, None)
        if before is not None:
            self._disown(key, before)
            self._listener(key, before, None)

    def _disown(self, key: ObjectKey, obj: Object | None) -> None:
        owner = None if obj is None else tracking.owner(obj)
        if owner is not None:
            self._owned.get(owner, set()).discard(key)


def _is_older(obj: Object, known: Object) -> bool:
    # Within one object resourceVersions grow (Kubernetes 1.35 promises that they can be compared), and an
    # event of before our own write may come after the write's answer.
    one, other = metadata(obj), metadata(known)
    versions = str(one.get("resourceVersion", "")), str(other.get("resourceVersion", ""))
    return (
        one.get("uid") == other.get("uid")
        and all(text.isdigit() for text in versions)
        and int(versions[0]) < int(versions[1])
    )
