"""From a decoded object to a stored one: what every write of every verb goes through, in one place.

Guarantee: an update is applied to exactly the state that it was computed from (compare-and-set on the
stored revision); if somebody was faster, the caller decides: a 409 for a client that named a
resourceVersion, another round for one that did not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from autostack.pocket.apiserver import metadata, validation
from autostack.pocket.apiserver.admission import ON_CREATE, ON_UPDATE, namespace_is_open
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.hooks import after_write, before_write
from autostack.pocket.apiserver.patching.managed_fields import track
from autostack.pocket.errors import ApiError, already_exists, not_found, stale
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError, UnavailableError, UnstorableError

Object = dict[str, Any]
ATTEMPTS = 16


async def store_new(core: Core, call: Call, obj: Object) -> Object:
    """Create; raises 409 when the name is taken."""
    validation.check_options(call)
    obj, missing = validation.decode(call, obj)
    metadata.claim_identity(call, obj)
    if obj["metadata"].get("resourceVersion"):
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
    metadata.leave_out_empty(obj)
    metadata.begin(call, obj)
    if call.kind.has_status:
        obj.pop("status", None)
    namespace_is_open(core, call)
    validation.fill_defaults(call, obj)
    admit = None if call.kind.custom else ON_CREATE.get(call.kind.storage)
    if admit:
        admit(core, call, obj)
    validation.check(call, obj, None, missing)
    before_write(core, call, obj, None)
    track(call, obj, None)
    if core.store.get(call.key) is not None:
        raise already_exists(call.target)
    if call.dry_run:
        return obj
    try:
        entry = await _durable(core.store.put(call.key, obj, expected=0))
    except StaleError:
        raise already_exists(call.target) from None
    finally:
        core.reserved_addresses.discard(
            obj.get("spec", {}).get("clusterIP", "") if call.kind.storage == "services" else ""
        )
    await after_write(core, call, entry)
    return entry.object


Change = Callable[[Object], Object]


async def rewrite(
    core: Core, call: Call, change: Change, *, create_missing: Callable[[], Awaitable[Object]] | None = None
) -> Object:
    """Apply `change` to a copy of the present state and store the result; a lost race is tried again.

    `change` returns the new object; if that names a resourceVersion, a lost race is a 409 instead.
    """
    for _ in range(ATTEMPTS):
        entry = core.store.get(call.key)
        if entry is None:
            if create_missing is None:
                raise not_found(call.target)
            return await create_missing()
        new = change(entry.fresh())
        named = str(new["metadata"].get("resourceVersion") or "")
        if named and named != str(entry.revision):
            raise stale(call.target)
        try:
            return await _store_update(core, call, new, entry)
        except StaleError:
            continue
    raise stale(call.target)


async def _store_update(core: Core, call: Call, new: Object, entry: Entry) -> Object:
    old = entry.object
    validation.check_options(call)
    new, missing = validation.decode(call, new)
    metadata.claim_identity(call, new)
    metadata.leave_out_empty(new)
    metadata.carry_over(call, new, old)
    new = _isolate(call, new, old)
    if call.subresource != "status":  # nothing but the status can have changed there
        validation.fill_defaults(call, new)
        admit = None if call.kind.custom else ON_UPDATE.get(call.kind.storage)
        if admit and not call.subresource:
            admit(core, call, new)
        validation.check(call, new, old, missing)
    elif call.kind.custom:
        validation.check(call, new, None, missing)
    before_write(core, call, new, old)
    if call.kind.generation and metadata.spec_of(new) != metadata.spec_of(old):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    track(call, new, old)
    new["metadata"]["resourceVersion"] = str(entry.revision)
    if new == old:
        return old
    if call.dry_run:
        return new
    return await commit(core, call, new, entry)


async def commit(core: Core, call: Call, new: Object, entry: Entry) -> Object:
    """Store a finished update, or remove the object when this takes its last finalizer; raises StaleError."""
    if is_finished(new):
        stored = await _durable(core.store.remove(call.key, expected=entry.revision))
    else:
        stored = await _durable(core.store.put(call.key, new, expected=entry.revision))
    await after_write(core, call, stored)
    return stored.object


def is_finished(obj: Object) -> bool:
    """Whether a terminating object has nothing left to wait for."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return not (obj["kind"] == "Namespace" and obj.get("spec", {}).get("finalizers"))


def _isolate(call: Call, new: Object, old: Object) -> Object:
    """Status is written through its subresource only, and that writes nothing else."""
    if call.subresource == "status":
        kept = {**old, "metadata": dict(old["metadata"])}
        kept.pop("status", None)
        if "status" in new:
            kept["status"] = new["status"]
        if not call.kind.custom:
            kept["metadata"] = {**new["metadata"]}
            for field in ("ownerReferences", "finalizers"):
                kept["metadata"].pop(field, None)
                if field in old["metadata"]:
                    kept["metadata"][field] = old["metadata"][field]
        kept["metadata"]["managedFields"] = new["metadata"].get("managedFields", [])
        return kept
    if call.kind.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


async def _durable(write: Awaitable[Entry]) -> Entry:
    try:
        return await write
    except UnavailableError as error:
        raise ApiError(
            500,
            "InternalError",
            f"Internal error occurred: {error}; reads go on, try again when there is space",
        ) from error
    except UnstorableError as error:
        raise ApiError(400, "BadRequest", str(error)) from error


async def delete_now(core: Core, call: Call, entry: Entry) -> Entry:
    """Remove from the store; raises StaleError."""
    removed = await _durable(core.store.remove(call.key, expected=entry.revision))
    await after_write(core, call, removed)
    return removed
