"""Server-side apply: the client states the fields it wants; ownership decides what else happens to the
object.

A field that somebody else owns with another value is a conflict (409) unless forced. A field that this
manager applied before and no longer states is removed, unless somebody else owns it too. Everything else
stays as it is.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.patching.fieldsets import (
    Fields,
    child_schema,
    difference,
    elements,
    fields_of,
    intersection,
    is_atomic,
    item_key,
    leaves,
    list_type,
    shown,
    union,
)
from autostack.pocket.apiserver.patching.managed_fields import entry_of, is_entry_of, tracked_part
from autostack.pocket.apiserver.schemas import Schema, resolve
from autostack.pocket.errors import ApiError, bad_request, wrong_option

Object = dict[str, Any]


def apply(live: Object, applied: Object, schema: Schema, call: Call) -> Object:
    """The live object (`{}` when there is none) after the apply, managedFields included."""
    if not call.field_manager:
        raise wrong_option("PatchOptions", "fieldManager", "is required for apply patch", "Required value")
    if (applied.get("metadata") or {}).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    stated = fields_of(tracked_part(applied), schema)
    entries = list(live.get("metadata", {}).get("managedFields", []))
    own = next((entry for entry in entries if is_entry_of(entry, call, "Apply")), None)
    others = [entry for entry in entries if entry is not own]
    differing = _differing(tracked_part(applied), tracked_part(live), schema)
    conflicts = [
        (entry, found) for entry in others if (found := intersection(differing, entry.get("fieldsV1", {})))
    ]
    if conflicts and not call.force:
        raise _conflict(conflicts)
    if conflicts:
        others = [{**entry, "fieldsV1": difference(entry.get("fieldsV1", {}), differing)} for entry in others]
    merged: Object = merge(live, applied, schema)
    owned_elsewhere: Fields = {}
    for entry in others:
        owned_elsewhere = union(owned_elsewhere, entry.get("fieldsV1", {}))
    dropped = difference(difference(own.get("fieldsV1", {}) if own else {}, stated), owned_elsewhere)
    # an item goes as a whole, before its key fields do, because it is found by them
    for path in sorted(leaves(dropped), key=len):
        _remove(merged, path, schema)
    entry = entry_of(call, "Apply", stated)
    if own and own.get("fieldsV1") == stated:
        entry["time"] = own.get("time", entry["time"])
    merged["metadata"] = {
        **merged.get("metadata", {}),
        "managedFields": [*(e for e in others if e.get("fieldsV1")), entry],
    }
    return merged


def _differing(applied: Any, live: Any, schema: Schema) -> Fields:
    """Fields that are stated with a value other than the live one; fields that nobody has yet are no
    conflict.
    """
    before = {element: item for element, item, _ in elements(live, schema) or ()}
    found: Fields = {}
    for element, item, child in elements(applied, schema) or ():
        if element not in before or item == before[element]:
            continue
        inner = _differing(item, before[element], child)
        if inner or elements(item, child) is None:
            found[element] = inner
    return found


def _conflict(conflicts: list[tuple[Object, Fields]]) -> ApiError:
    fields_of_manager: dict[str, list[str]] = {}
    for entry, fields in conflicts:
        fields_of_manager.setdefault(_manager(entry), []).extend(shown(path) for path in leaves(fields))
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": field}
        for who, paths in sorted(fields_of_manager.items())
        for field in paths
    ]
    if len(causes) == 1:
        text = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lines = []
        for who, paths in sorted(fields_of_manager.items()):
            lines += [f"conflicts with {who}:", *(f"- {field}" for field in paths)]
        text = f"{len(causes)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", f"Apply failed with {text}", {"causes": causes})


def _manager(entry: Object) -> str:
    text = f'"{entry.get("manager")}"'
    if entry.get("subresource"):
        text += f' with subresource "{entry["subresource"]}"'
    if entry.get("operation") == "Update":
        text += f" using {entry.get('apiVersion')}"
    return text


def merge(live: Any, applied: Any, schema: Schema) -> Any:
    """Typed merge: objects by field, keyed lists by key, sets by value, everything else replaced."""
    if isinstance(applied, dict) and isinstance(live, dict) and not is_atomic(schema):
        merged = dict(live)
        for name, value in applied.items():
            child = child_schema(schema, name)
            merged[name] = merge(merged.get(name), value, child) if name in merged else copy.deepcopy(value)
        return merged
    if isinstance(applied, list) and isinstance(live, list):
        kind = list_type(schema)
        if kind == "set":
            return [*live, *(item for item in applied if item not in live)]
        if kind == "map":
            return _merge_keyed(live, applied, schema)
    return copy.deepcopy(applied)


def _merge_keyed(live: list[Any], applied: list[Any], schema: Schema) -> list[Any]:
    items = schema.get("items") or resolve(schema).get("items") or {}
    stated = {item_key(item, schema): item for item in applied}
    present = {item_key(item, schema) for item in live}
    merged = [
        merge(item, stated[key], items) if (key := item_key(item, schema)) in stated else item
        for item in live
    ]
    return [*merged, *(copy.deepcopy(item) for key, item in stated.items() if key not in present)]


def _remove(value: Any, path: tuple[str, ...], schema: Schema) -> None:
    *parents, last = path
    for element in parents:
        value, schema = _descend(value, element, schema)
        if value is None:
            return
    kind, _, rest = last.partition(":")
    if kind == "f" and isinstance(value, dict):
        value.pop(rest, None)
    elif isinstance(value, list):
        value[:] = [item for item in value if not _is_item(item, last, schema)]


def _descend(value: Any, element: str, schema: Schema) -> tuple[Any, Schema]:
    kind, _, rest = element.partition(":")
    if kind == "f" and isinstance(value, dict):
        return value.get(rest), child_schema(schema, rest)
    if isinstance(value, list):
        found = next((item for item in value if _is_item(item, element, schema)), None)
        return found, schema.get("items") or resolve(schema).get("items") or {}
    return None, {}


def _is_item(item: Any, element: str, schema: Schema) -> bool:
    kind, _, rest = element.partition(":")
    return item_key(item, schema) == element if kind == "k" else bool(item == json.loads(rest))
