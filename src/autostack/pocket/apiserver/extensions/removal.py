"""The end of a CustomResourceDefinition: its objects go first, each as its own finalizers allow.

A deleted definition is held by a finalizer of the server's, as in Kubernetes. Every step is taken by the
write that makes it possible (the deletion itself, the end of an object, one that came at the last moment, a
restart), so nothing polls, and a crash between two steps is made good at the next start.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import CLEANUP, DEFINITIONS, DeleteOptions, mark
from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.apiserver.metadata import now
from autostack.pocket.store.errors import StaleError
from autostack.pocket.store.journal import Key

Object = dict[str, Any]


def is_ending(core: Core, kind: Kind) -> bool:
    """Whether the definition of a custom kind is being deleted; then nothing new is taken."""
    definition = core.store.get(_key(kind.storage))
    return definition is None or _is_marked(definition.object)


async def proceed(core: Core, kind: Kind) -> None:
    """Delete what can go of an ending definition's objects, and the definition when none is left."""
    entry = core.store.get(_key(kind.storage))
    if entry is None or not _is_held(entry.object):
        return
    if not _is_told(entry.object):  # behind this write, all that came before the mark is in the store
        await _tell(core, entry.key, "the objects are being deleted", done=False)
    untold = [one for one in core.store.entries(kind.storage) if not _is_marked(one.object)]
    await asyncio.gather(*(_delete(core, kind, instance.key) for instance in untold))
    left = core.store.count(kind.storage)
    message = f"{left} objects are left; their finalizers hold them" if left else "all objects are deleted"
    await _tell(core, entry.key, message, done=not left)


def _key(storage: str) -> Key:
    return Key(DEFINITIONS, "", storage)  # a definition is named as the resource that it defines


def _is_marked(obj: Object) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def _is_held(definition: Object) -> bool:
    return _is_marked(definition) and CLEANUP in definition["metadata"].get("finalizers", ())


def _is_told(definition: Object) -> bool:
    conditions = definition.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Terminating" for condition in conditions)


async def _delete(core: Core, kind: Kind, key: Key) -> None:
    while (found := core.store.get(key)) is not None:
        marked = mark(kind, found.object, DeleteOptions())
        try:
            if marked is None:
                await core.store.remove(key, expected=found.revision)
            elif marked != found.object:
                await core.store.put(key, marked, expected=found.revision)
        except StaleError:
            continue
        return


async def _tell(core: Core, key: Key, message: str, *, done: bool) -> None:
    """Write the condition, and let the definition go when it is done."""
    while (entry := core.store.get(key)) is not None and _is_held(entry.object):
        definition = copy.deepcopy(entry.object)
        metadata = definition["metadata"]
        try:
            if done:
                metadata["finalizers"].remove(CLEANUP)
                if not metadata["finalizers"]:
                    await core.store.remove(key, expected=entry.revision)
                    core.registry.set_custom(key.name, [])
                    return
            _set_terminating(definition, message, done=done)
            if definition != entry.object:
                await core.store.put(key, definition, expected=entry.revision)
        except StaleError:
            continue
        return


def _set_terminating(definition: Object, message: str, *, done: bool) -> None:
    status = definition.setdefault("status", {})
    conditions = status.setdefault("conditions", [])
    told = {
        "type": "Terminating",
        "status": "False" if done else "True",
        "reason": "InstanceDeletionCompleted" if done else "InstanceDeletionInProgress",
        "message": message,
    }
    for condition in conditions:
        if condition["type"] == "Terminating":
            if {**condition, **told} != condition:
                condition.update(told, lastTransitionTime=now())
            return
    conditions.append({**told, "lastTransitionTime": now()})
