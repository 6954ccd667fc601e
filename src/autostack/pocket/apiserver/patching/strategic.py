"""Strategic merge patch: a merge patch that knows from the schema which lists are keyed.

Lists with `x-kubernetes-patch-strategy: merge` are merged by their merge key (or as sets, when their items
are scalars); all others are replaced. Directives: `$patch` (replace, delete, merge), `$retainKeys`,
`$deleteFromPrimitiveList/x`, `$setElementOrder/x`.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.schemas import Schema, resolve
from autostack.pocket.errors import bad_request

DELETE_FROM, ORDER, RETAIN, DIRECTIVE = (
    "$deleteFromPrimitiveList/",
    "$setElementOrder/",
    "$retainKeys",
    "$patch",
)


def apply(target: Any, patch: Any, schema: Schema) -> Any:
    """The patched object; raises 400 for a patch that does not fit the schema."""
    if not isinstance(patch, dict):
        raise bad_request("a strategic merge patch must be an object")
    return _merge_object(target if isinstance(target, dict) else {}, patch, schema)


def _merge_object(target: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any]:
    directive = patch.get(DIRECTIVE)
    if directive == "delete":
        return {}
    if directive not in (None, "merge", "replace"):
        raise bad_request(f"unknown $patch directive {directive!r}; known are replace, delete, merge")
    fields = {name: value for name, value in patch.items() if not name.startswith("$")}
    merged = {} if directive == "replace" else dict(target)
    if RETAIN in patch:
        merged = {name: value for name, value in merged.items() if name in patch[RETAIN]}
    properties, additional = _children(schema)
    for name, value in fields.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge_value(merged.get(name), value, properties.get(name, additional))
    _apply_list_directives(merged, patch, properties)
    return merged


def _children(schema: Schema) -> tuple[dict[str, Schema], Schema]:
    resolved = resolve(schema)
    additional = resolved.get("additionalProperties")
    return resolved.get("properties", {}), additional if isinstance(additional, dict) else {}


def _merge_value(current: Any, value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        return _merge_object(current if isinstance(current, dict) else {}, value, schema)
    if isinstance(value, list):
        strategy = str(schema.get("x-kubernetes-patch-strategy", ""))
        if "merge" not in strategy.split(","):
            return [item for item in value if not (isinstance(item, dict) and item == {DIRECTIVE: "replace"})]
        key = schema.get("x-kubernetes-patch-merge-key")
        existing = current if isinstance(current, list) else []
        return _merge_keyed(existing, value, key, schema) if key else _merge_set(existing, value)
    return value


def _merge_set(current: list[Any], patch: list[Any]) -> list[Any]:
    return [
        *current,
        *(item for index, item in enumerate(patch) if item not in current and item not in patch[:index]),
    ]


def _merge_keyed(current: list[Any], patch: list[Any], key: str, schema: Schema) -> list[Any]:
    replaces = any(isinstance(item, dict) and item.get(DIRECTIVE) == "replace" for item in patch)
    merged = [] if replaces else list(current)
    items = schema.get("items", {})
    for item in patch:
        if not isinstance(item, dict):
            raise bad_request(f"a strategic merge patch of a list keyed by {key!r} must hold objects")
        if item.get(DIRECTIVE) == "replace":
            continue  # the directive of the whole list, whatever else the item says
        if key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        index = next(
            (i for i, old in enumerate(merged) if isinstance(old, dict) and old.get(key) == item[key]), None
        )
        if item.get(DIRECTIVE) == "delete":
            merged = [old for old in merged if not (isinstance(old, dict) and old.get(key) == item[key])]
        elif index is None:
            merged.append(_merge_object({}, item, items))
        else:
            merged[index] = _merge_object(merged[index], item, items)
    return merged


def _apply_list_directives(
    merged: dict[str, Any], patch: dict[str, Any], properties: dict[str, Schema]
) -> None:
    for name, value in patch.items():
        if name.startswith(DELETE_FROM):
            field = name[len(DELETE_FROM) :]
            if isinstance(merged.get(field), list):
                merged[field] = [item for item in merged[field] if item not in value]
        elif name.startswith(ORDER):
            field = name[len(ORDER) :]
            if isinstance(merged.get(field), list):
                merged[field] = _ordered(
                    merged[field], value, properties.get(field, {}).get("x-kubernetes-patch-merge-key")
                )


def _ordered(items: list[Any], order: list[Any], key: str | None) -> list[Any]:
    """Items that the order names come in that order; others keep their place among them."""
    wanted = [entry.get(key) if key and isinstance(entry, dict) else entry for entry in order]

    def name_of(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    named = sorted(
        (item for item in items if name_of(item) in wanted), key=lambda item: wanted.index(name_of(item))
    )
    return [named.pop(0) if name_of(item) in wanted else item for item in items]
