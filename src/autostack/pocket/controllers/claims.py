"""Claiming: which objects belong to a controller by its selector, adopting orphans and releasing strays.

An object belongs to the owner whose uid its controller reference has. One that matches and has no
controller is adopted; one that is owned but matches no more is released. Nothing is adopted for an owner
that is being deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.kinds import Kind
from autostack.pocket.controllers.loop import Concerns, its_controller
from autostack.pocket.controllers.meta import (
    Key,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    namespace_of,
    owner_reference,
    owners_of,
    selects,
    uid_of,
)
from autostack.pocket.errors import ApiError


async def claim(cluster: Cluster, owner_kind: Kind, owner: Object, kind: Kind) -> list[Object]:
    """The objects of `kind` that belong to `owner` from now on."""
    selector = owner["spec"]["selector"]
    mine = []
    for obj in cluster.cache(kind).controlled_by(uid_of(owner)):
        if selects(selector, labels_of(obj)) or is_deleting(owner):
            mine.append(obj)
        elif not is_deleting(obj):
            kept = [one for one in owners_of(obj) if one["uid"] != uid_of(owner)]
            with tolerating(404, 409):
                await cluster.patch(kind, obj, {"metadata": {"ownerReferences": kept}})
    if not is_deleting(owner):
        for obj in cluster.cache(kind).within(namespace_of(owner)):
            if controller_of(obj) is None and not is_deleting(obj) and selects(selector, labels_of(obj)):
                references = [*owners_of(obj), owner_reference(owner_kind, owner)]
                with tolerating(404, 409):
                    patch = {"metadata": {"ownerReferences": references}}
                    mine.append(await cluster.patch(kind, obj, patch))
    return mine


def its_claimants(cluster: Cluster, owner_kind: Kind) -> Concerns:
    """The changed object concerns its controller, or every owner that could adopt it."""
    controlled = its_controller(owner_kind)

    def concerns(obj: Object) -> Iterable[Key]:
        if controller_of(obj) is not None:
            return controlled(obj)
        owners = cluster.cache(owner_kind).within(namespace_of(obj))
        return [key_of(one) for one in owners if selects(one["spec"].get("selector"), labels_of(obj))]

    return concerns


async def in_growing_batches(count: int, act: Callable[[int], Awaitable[None]]) -> ApiError | None:
    """Do `act(0) … act(count - 1)`, 1 then 2 then 4 at a time, and stop at the first batch that fails.

    So a template that the API server refuses costs one call, not `count`. The failure is returned.
    """
    started, size = 0, 1
    while started < count:
        batch = range(started, min(started + size, count))
        answers = await asyncio.gather(*(act(number) for number in batch), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for failure in failures:
            if not isinstance(failure, ApiError):
                raise failure
            return failure
        started, size = started + len(batch), size * 2
    return None


def condition_set(
    conditions: Iterable[Mapping[str, Any]], fresh: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Conditions with `fresh` in the place of its type; its transition time stays while its status does."""
    result = list(conditions)
    for position, known in enumerate(result):
        if known["type"] == fresh["type"]:
            kept = {"lastTransitionTime": known.get("lastTransitionTime")}
            same = known["status"] == fresh["status"]
            result[position] = {**fresh, **kept} if same else dict(fresh)
            return result
    return [*result, fresh]
