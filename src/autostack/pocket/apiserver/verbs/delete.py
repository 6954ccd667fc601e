"""delete: mark for deletion and remove when nothing holds the object back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DeleteOptions, mark
from autostack.pocket.apiserver.writing import ATTEMPTS, commit, delete_now
from autostack.pocket.errors import conflict, not_found, stale
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    """The last or the present state, and whether the object is gone."""

    object: Object
    gone: bool


async def delete(core: Core, call: Call, options: DeleteOptions) -> Deleted:
    """Delete, or begin to; raises 404, and 409 when a precondition does not hold."""
    dry_run = call.dry_run or options.dry_run
    for _ in range(ATTEMPTS):
        entry = core.store.get(call.key)
        if entry is None:
            raise not_found(call.target)
        _check_preconditions(call, entry, options)
        marked = mark(call.kind, entry.object, options)
        try:
            if marked is None:
                if dry_run:
                    return Deleted(entry.object, gone=True)
                return Deleted((await delete_now(core, call, entry)).object, gone=True)
            if marked == entry.object or dry_run:
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
