"""delete: mark for deletion and remove when nothing holds the object back.

Finalizers hold it back, and so does a pod's grace period while a kubelet may still be running it.
Propagation is written down as the finalizers `foregroundDeletion` and `orphan`, which the garbage collector
works off; `Background` needs none.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.writing import ATTEMPTS, FOREGROUND, ORPHAN, commit, delete_now
from autostack.pocket.errors import conflict, not_found, stale
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError

Object = dict[str, Any]
PROPAGATION_FINALIZERS = {"Foreground": FOREGROUND, "Orphan": ORPHAN}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; `propagation` is Foreground, Background, Orphan or "" (keep what the object's
    finalizers say).
    """

    propagation: str = ""
    grace_period_s: int | None = None
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """The last or the present state, and whether the object is gone."""

    object: Object
    gone: bool


async def delete(core: Core, call: Call, options: DeleteOptions) -> Deleted:
    """Delete, or begin to; raises 404, and 409 when a precondition does not hold."""
    for _ in range(ATTEMPTS):
        entry = core.store.get(call.key)
        if entry is None:
            raise not_found(call.target)
        _check_preconditions(call, entry, options)
        marked = mark(call, entry.object, options)
        try:
            if marked is None:
                if call.dry_run:
                    return Deleted(entry.object, gone=True)
                return Deleted((await delete_now(core, call, entry)).object, gone=True)
            if marked == entry.object or call.dry_run:
                return Deleted(marked, gone=False)
            return Deleted(await commit(core, call, marked, entry), gone=False)
        except StaleError:
            continue
    raise stale(call.target)


def _check_preconditions(call: Call, entry: Entry, options: DeleteOptions) -> None:
    meta = entry.object["metadata"]
    if options.uid and options.uid != meta["uid"]:
        raise conflict(
            call.target,
            f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {meta['uid']}",
        )
    if options.resource_version and options.resource_version != meta["resourceVersion"]:
        raise conflict(call.target, "Precondition failed: ResourceVersion in precondition: "
                                    f"{options.resource_version}, "
                       f"ResourceVersion in object meta: {meta['resourceVersion']}")  # fmt: skip


def mark(call: Call, obj: Object, options: DeleteOptions) -> Object | None:
    """The object marked for deletion, or None when it can go at once. Pure but for the time."""
    finalizers = list(obj["metadata"].get("finalizers") or ())
    if options.propagation:
        finalizers = [name for name in finalizers if name not in PROPAGATION_FINALIZERS.values()]
        if options.propagation in PROPAGATION_FINALIZERS:
            finalizers.append(PROPAGATION_FINALIZERS[options.propagation])
    grace = grace_period_s(call, obj, options)
    is_held = finalizers or grace > 0 or (call.kind.storage == "namespaces" and obj["spec"].get("finalizers"))
    if not is_held:
        return None
    marked = copy.deepcopy(obj)
    meta = marked["metadata"]
    meta["finalizers"] = finalizers
    if not finalizers:
        del meta["finalizers"]
    earlier = meta.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" not in meta or (earlier is not None and grace < earlier):
        deadline = datetime.now(UTC) + timedelta(seconds=grace)
        meta["deletionTimestamp"] = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["deletionGracePeriodSeconds"] = grace
        if call.kind.generation:
            meta["generation"] = meta.get("generation", 0) + 1
    if call.kind.storage == "namespaces":
        marked.setdefault("status", {})["phase"] = "Terminating"
    return marked


def grace_period_s(call: Call, obj: Object, options: DeleteOptions) -> int:
    """How long a pod may take to end; 0 for everything else, and for a pod that no node runs."""
    if call.kind.storage != "pods":
        return 0
    spec, status = obj.get("spec", {}), obj.get("status", {})
    if not spec.get("nodeName") or status.get("phase") in ("Failed", "Succeeded"):
        return 0
    if options.grace_period_s is not None:
        return max(options.grace_period_s, 0)
    already = obj["metadata"].get("deletionGracePeriodSeconds")
    return int(already if already is not None else spec.get("terminationGracePeriodSeconds", 30))
