"""Who wrote which field: the bookkeeping behind server-side apply's conflicts.

An ordinary write gives its manager the fields that it changed and takes them from everybody else. Events,
leases and endpoint slices are not tracked: they change often, and nobody applies them.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.metadata import now
from autostack.pocket.apiserver.patching.fieldsets import Fields, changed, difference, union
from autostack.pocket.apiserver.registry import schema_of
from autostack.pocket.apiserver.schemas import Schema

Object = dict[str, Any]
UNTRACKED = ("events", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io", "endpoints")
SERVER_FIELDS = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "managedFields", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip


def tracked_part(obj: Object) -> Object:
    """The object without what no client owns."""
    kept = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    meta = {key: value for key, value in obj.get("metadata", {}).items() if key not in SERVER_FIELDS}
    return {"metadata": meta, **kept} if meta else kept


def entry_of(call: Call, operation: str, fields: Fields) -> Object:
    """A managedFields entry for the call's manager, as of now."""
    entry = {
        "manager": call.field_manager or "unknown",
        "operation": operation,
        "apiVersion": call.kind.api_version,
        "time": now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**entry, "subresource": call.subresource} if call.subresource else entry


def is_entry_of(entry: Object, call: Call, operation: str) -> bool:
    """Whether an entry belongs to the call's manager and way of writing."""
    return (
        entry.get("manager") == (call.field_manager or "unknown")
        and entry.get("operation") == operation
        and entry.get("subresource", "") == call.subresource
    )


def track(call: Call, new: Object, old: Object | None) -> None:
    """Bring managedFields up to date for an ordinary write, in place. An emptied list resets the
    bookkeeping.
    """
    meta = new["metadata"]
    if call.kind.storage in UNTRACKED:
        meta.pop("managedFields", None)
        return
    if call.verb == "apply":
        return
    entries = old["metadata"].get("managedFields", []) if old else []
    if old and meta.get("managedFields") in ([], [{}]):
        meta.pop("managedFields")
        return
    schema = schema_of(call.kind)
    before, after = tracked_part(old or {}), tracked_part(new)
    entries = written(call, entries, changed(after, before, schema), _vanished(before, after, schema))
    meta["managedFields"] = entries
    if not entries:
        del meta["managedFields"]


def _vanished(before: Object, after: Object, schema: Schema) -> Fields:
    return changed(before, after, schema) if before else {}


def written(call: Call, entries: list[Object], gained: Fields, lost: Fields) -> list[Object]:
    """The entries after a write that set `gained`, where `lost` are the fields that changed or vanished."""
    if not gained and not lost:
        return entries
    kept: list[Object] = []
    own: Fields = {}
    for entry in entries:
        fields = difference(entry.get("fieldsV1", {}), lost) if lost else entry.get("fieldsV1", {})
        if is_entry_of(entry, call, "Update"):
            own = fields
        elif fields:
            kept.append(entry if fields == entry["fieldsV1"] else {**entry, "fieldsV1": fields})
    own = union(own, gained)
    return [*kept, entry_of(call, "Update", own)] if own else kept
