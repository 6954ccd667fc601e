"""The garbage collector: what no owner holds any more is deleted, and deletion waits or lets go as it was
asked to.

Background: dependents go after their owner. Foreground: the owner waits for dependents that block it. Orphan:
dependents lose the reference. An owner counts as gone only when the API server itself says so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from autostack.pocket.client import Object, Propagation, Resource
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.garbage.graph import FOREGROUND, ORPHAN, Graph, Node, without_owners
from autostack.pocket.controllers.kinds import CUSTOM_RESOURCE, OWNED, Kind
from autostack.pocket.controllers.loop import Controller, work
from autostack.pocket.controllers.meta import Key, is_deleting, namespace_of, owners_of, uid_of
from autostack.pocket.controllers.workqueue import WorkQueue
from autostack.pocket.errors import ApiError

log = logging.getLogger(__name__)


def custom_kind(definition: Object) -> Kind | None:
    """The kind that a CustomResourceDefinition stores; None when that version is not served."""
    spec = definition["spec"]
    stored = next((one for one in spec["versions"] if one.get("storage") and one.get("served")), None)
    if stored is None:
        return None
    resource = Resource(spec["group"], stored["name"], spec["names"]["plural"])
    return Kind(resource, spec["names"]["kind"], spec["scope"] == "Namespaced")


class GarbageCollector:
    """Follows every kind that can own or be owned, custom ones as they appear."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster.speaking_as("garbage-collector")
        self._graph = Graph()
        self._queue: WorkQueue[Key] = WorkQueue()
        self._kinds: dict[tuple[str, str], Kind] = {}
        for kind in OWNED:
            self._follow(kind)
        cluster.informer(CUSTOM_RESOURCE).listen(self._definition)

    def _follow(self, kind: Kind) -> None:
        if self._kinds.get((kind.api_version, kind.name)) == kind:
            return
        self._kinds[kind.api_version, kind.name] = kind

        def changed(old: Object | None, new: Object | None) -> None:
            for uid in self._graph.follow(kind, old, new):
                self._queue.add(("", uid))

        self._cluster.informer(kind).listen(changed)

    def _definition(self, old: Object | None, new: Object | None) -> None:
        kind = custom_kind(new) if new is not None else None
        if kind is not None and _is_established(new):
            self._follow(kind)
        elif new is None and old is not None:
            gone = custom_kind(old)
            if gone is not None:
                self._kinds.pop((gone.api_version, gone.name), None)
                self._cluster.drop(gone)

    async def run(self) -> None:
        """Collect until cancelled."""
        for kind in OWNED:
            await self._cluster.informer(kind).synced.wait()
        collector = Controller("garbage-collector", {}, self._look)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(collector.workers):
                    name = f"{collector.name}-{number}"
                    group.create_task(work(collector, self._cluster, self._queue), name=name)
        finally:
            self._queue.close()

    async def _look(self, cluster: Cluster, key: Key) -> float | None:
        node = self._graph.get(key[1])
        if node is None:
            return None
        if is_deleting(node.obj):
            if node.has_finalizer(ORPHAN):
                await self._orphan(cluster, node)
            elif node.has_finalizer(FOREGROUND):
                await self._foreground(cluster, node)
        elif owners_of(node.obj):
            await self._weigh(cluster, node)
        return None

    async def _orphan(self, cluster: Cluster, node: Node) -> None:
        uid = uid_of(node.obj)
        for dependent in self._graph.dependents(uid):
            kept = without_owners(dependent.obj, {uid})
            with tolerating(404):
                await cluster.patch(dependent.kind, dependent.obj, {"metadata": {"ownerReferences": kept}})
        await _drop_finalizer(cluster, node, ORPHAN)

    async def _foreground(self, cluster: Cluster, node: Node) -> None:
        uid = uid_of(node.obj)
        for dependent in self._graph.dependents(uid):
            if not is_deleting(dependent.obj):
                self._queue.add(("", uid_of(dependent.obj)))
        if not self._graph.blockers(uid):
            await _drop_finalizer(cluster, node, FOREGROUND)

    async def _weigh(self, cluster: Cluster, node: Node) -> None:
        """Delete the object unless an owner holds it; forget owners that are gone when another one does."""
        solid, released, waiting = 0, set(), False
        for reference in owners_of(node.obj):
            owner = self._graph.get(reference["uid"])
            if owner is not None and owner.is_foreground and reference.get("blockOwnerDeletion"):
                waiting = True
                released.add(reference["uid"])
            elif owner is not None or await self._exists(cluster, node, reference):
                solid += 1
            else:
                released.add(reference["uid"])
        if not released:
            return
        if solid:
            kept = without_owners(node.obj, released)
            with tolerating(404):
                await cluster.patch(node.kind, node.obj, {"metadata": {"ownerReferences": kept}})
            return
        propagation: Propagation = "Background"
        if node.has_finalizer(ORPHAN):
            propagation = "Orphan"
        elif waiting and self._graph.dependents(uid_of(node.obj)):
            propagation = "Foreground"
        await cluster.delete(node.kind, node.obj, propagation=propagation)

    async def _exists(self, cluster: Cluster, node: Node, reference: dict[str, Any]) -> bool:
        kind = self._kinds.get((reference["apiVersion"], reference["kind"]))
        if kind is None:  # a kind that is not served: nobody can say that the owner is gone
            log.info("owner of unknown kind", extra={"kind": reference["kind"], "uid": reference["uid"]})
            return True
        namespace = namespace_of(node.obj)
        if kind.namespaced and not namespace:
            message = (
                f"ownerRef {reference['kind']}/{reference['name']} is namespaced, but its dependent is not"
            )
            cluster.event(node.kind, node.obj, "Warning", "OwnerRefInvalidNamespace", message)
            return True
        try:
            owner = await cluster.client.get(
                kind.resource, reference["name"], namespace if kind.namespaced else None
            )
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return bool(uid_of(owner) == reference["uid"])


def _is_established(definition: Object | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


async def _drop_finalizer(cluster: Cluster, node: Node, name: str) -> None:
    kept = [one for one in node.obj["metadata"].get("finalizers") or [] if one != name]
    with tolerating(404):
        await cluster.patch(node.kind, node.obj, {"metadata": {"finalizers": kept}})
