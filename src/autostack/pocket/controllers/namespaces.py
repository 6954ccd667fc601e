"""Namespace deletion: everything in it is deleted, and only when nothing is left does it go itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import condition_set
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.garbage import custom_kind
from autostack.pocket.controllers.kinds import CUSTOM_RESOURCE, EVENT, NAMESPACE, OWNED, Kind
from autostack.pocket.controllers.loop import Concerns, Controller, itself
from autostack.pocket.controllers.meta import Key, is_deleting, namespace_of, timestamp
from autostack.pocket.errors import ApiError

FINALIZER = "kubernetes"
RECHECK_S = 1.0


def controller(cluster: Cluster) -> Controller:
    """The controller as data. It hears of what disappears, and a timer is its safety net for custom kinds."""

    def if_terminating(obj: Object) -> Iterable[Key]:
        key = ("", namespace_of(obj))
        namespace = cluster.cache(NAMESPACE).get(key)
        return (key,) if namespace is not None and is_deleting(namespace) else ()

    def when_deleting(obj: Object) -> Iterable[Key]:
        return itself(obj) if is_deleting(obj) else ()

    watches: dict[Kind, Concerns] = {kind: if_terminating for kind in OWNED if kind.namespaced}
    watches[NAMESPACE] = when_deleting
    return Controller("namespace-controller", watches, reconcile, reads=(CUSTOM_RESOURCE,))


def emptied_kinds(cluster: Cluster) -> list[Kind]:
    """Every namespaced kind, custom ones first, since their controllers may still need the rest."""
    custom = (custom_kind(one) for one in cluster.cache(CUSTOM_RESOURCE).all())
    kinds = [*(one for one in custom if one is not None), *OWNED, EVENT]
    return [kind for kind in kinds if kind.namespaced]


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Delete what is there; finalize when there is nothing."""
    namespace = cluster.cache(NAMESPACE).get(key)
    if namespace is None or FINALIZER not in (namespace["spec"].get("finalizers") or []):
        return None
    left: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for kind in emptied_kinds(cluster):
        for obj in await _empty(cluster, kind, key[1]):
            left[f"{kind.resource.plural}.{kind.resource.group}"] += 1
            held.update(obj["metadata"].get("finalizers") or [])
    if left:
        conditions = remaining(namespace, left, held, timestamp(cluster.now()))
        with tolerating(404, 409):
            status = {**namespace["status"], "conditions": conditions}
            await cluster.set_status(NAMESPACE, namespace, status)
        return RECHECK_S
    kept = [one for one in namespace["spec"]["finalizers"] if one != FINALIZER]
    finalized = {**namespace, "spec": {**namespace["spec"], "finalizers": kept}}
    with tolerating(404):
        await cluster.update(NAMESPACE, finalized, subresource="finalize")
    return None


async def _empty(cluster: Cluster, kind: Kind, namespace: str) -> list[Object]:
    """Ask for the deletion of every object of the kind; what is still there."""
    try:
        present = (await cluster.client.list(kind.resource, namespace)).items
        await asyncio.gather(*(cluster.delete(kind, obj) for obj in present if not is_deleting(obj)))
        return (await cluster.client.list(kind.resource, namespace)).items if present else []
    except ApiError as error:
        if error.code in (404, 405):  # the kind is not served any more
            return []
        raise


def remaining(namespace: Object, left: Counter[str], held: Counter[str], moment: str) -> list[Any]:
    """The conditions that tell what deletion waits for."""
    conditions: list[Any] = list((namespace.get("status") or {}).get("conditions") or [])
    content = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(left.items()))
    finalizers = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(held.items()))
    for type_, reason, what, message in (
        (
            "NamespaceContentRemaining",
            "SomeResourcesRemain",
            content,
            f"Some resources are remaining: {content}",
        ),
        (
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            finalizers,
            f"Some content in the namespace has finalizers remaining: {finalizers}",
        ),
    ):
        if what:
            fresh = {"type": type_, "status": "True", "reason": reason, "message": message}
            conditions = list(condition_set(conditions, {**fresh, "lastTransitionTime": moment}))
    return conditions
