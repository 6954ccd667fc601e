"""The in-process client: the same calls, checks and answers as over HTTP, without the wire.

Objects that it returns are shared with the server's cache: copy before changing. Objects that are given to
it are copied by decoding, so the caller keeps its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from autostack.pocket.apiserver import dispatch
from autostack.pocket.apiserver.call import Call, User
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DeleteOptions
from autostack.pocket.apiserver.subresources import metrics
from autostack.pocket.apiserver.verbs.delete import delete
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.apiserver.verbs.list import Selection, list_page
from autostack.pocket.apiserver.verbs.watch import WatchQuery, open_watch
from autostack.pocket.client import Object, ObjectList, PatchType, Propagation, Resource, WatchEvent


class InProcessClient:
    """An `ApiClient` for one identity; get one from `ApiServer.client`."""

    def __init__(self, core: Core, user: User, field_manager: str) -> None:
        self._core = core
        self._user = user
        self._field_manager = field_manager

    def _call(
        self, verb: str, resource: Resource, namespace: str | None, name: str = "", subresource: str = ""
    ) -> Call:
        kind = self._core.registry.serving(
            resource.group, resource.version, resource.plural, verb, subresource
        )
        call = Call(
            self._user,
            verb,
            kind,
            (namespace or "") if kind.namespaced else "",
            name,
            subresource,
            field_manager=self._field_manager,
            field_validation="Strict",
        )
        self._core.access.authorize(call)
        return call

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """The present state; raises 404."""
        call = self._call("get", resource, namespace, name)
        return (
            get(self._core, call).object if call.kind.storage else metrics.read(self._core, call, Selection())
        )

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> ObjectList:
        """All chosen objects."""
        call = self._call("list", resource, namespace)
        selection = Selection(label_selector, field_selector)
        if not call.kind.storage:  # served without storage: the metrics of the node
            found = metrics.read(self._core, call, selection)
            return ObjectList(found["items"], found["metadata"]["resourceVersion"])
        page = list_page(self._core, call, selection)
        return ObjectList([entry.object for entry in page.entries], page.resource_version)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[WatchEvent]:
        """Changes after a version; raises 410 when it is compacted or the reader is too slow."""
        query = WatchQuery(resource_version, label_selector, field_selector)
        watch = open_watch(self._core, self._call("watch", resource, namespace), query)
        for entry in watch.initial:
            yield WatchEvent("ADDED", entry.object)
        async for event in watch.changes():
            yield WatchEvent(event.change, event.entry.object)

    async def create(
        self,
        resource: Resource,
        obj: Object,
        namespace: str | None = None,
        *,
        subresource: str = "",
        name: str = "",
    ) -> Object:
        """The object as stored, or a subresource's answer."""
        place = namespace or (obj.get("metadata") or {}).get("namespace")
        return await dispatch.create(
            self._core, self._call("create", resource, place, name, subresource), obj
        )

    async def update(self, resource: Resource, obj: Object, *, subresource: str = "") -> Object:
        """The object as stored."""
        meta = obj["metadata"]
        call = self._call("update", resource, meta.get("namespace"), meta["name"], subresource)
        return await dispatch.update(self._core, call, obj)

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Mapping[str, Any] | Sequence[Any],
        namespace: str | None = None,
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> Object:
        """The object as stored."""
        call = self._call("patch", resource, namespace, name, subresource)
        call.field_manager = field_manager or call.field_manager
        call.force = force
        body = dict(patch) if isinstance(patch, Mapping) else list(patch)
        return await dispatch.patch(self._core, call, body, patch_type)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Propagation = "Background",
        grace_period_s: int | None = None,
        uid: str | None = None,
    ) -> Object:
        """The state that the deletion left: the last one when the object is gone."""
        call = self._call("delete", resource, namespace, name)
        options = DeleteOptions(propagation, grace_period_s, uid or "")
        return (await delete(self._core, call, options)).object
