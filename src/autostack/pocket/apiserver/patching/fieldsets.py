"""Sets of fields, in the form of managedFields' FieldsV1: nested dicts keyed `f:name`, `k:{keys}`,
`v:value`. Pure.

An empty dict is a leaf; `.` in a node says that the node itself is a member. Which lists are keyed, sets or
atomic comes from the schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from autostack.pocket.apiserver.schemas import Schema, resolve

Fields = dict[str, Any]
KEY_DEFAULTS = {"protocol": "TCP"}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def list_type(schema: Schema) -> str:
    """map, set or atomic."""
    return str(schema.get("x-kubernetes-list-type", resolve(schema).get("x-kubernetes-list-type", "atomic")))


def is_atomic(schema: Schema) -> bool:
    """Whether an object is owned as a whole."""
    return "atomic" in (schema.get("x-kubernetes-map-type"), resolve(schema).get("x-kubernetes-map-type"))


def item_key(item: Any, schema: Schema) -> str:
    """A keyed list's item as a path element."""
    keys = schema.get("x-kubernetes-list-map-keys", ())
    found = {key: item.get(key, KEY_DEFAULTS.get(key)) for key in keys} if isinstance(item, dict) else {}
    return "k:" + _compact({key: value for key, value in found.items() if value is not None})


def child_schema(schema: Schema, name: str) -> Schema:
    """The schema of an object's field."""
    properties, others = _fields(schema)
    return properties.get(name) or others


def _fields(schema: Schema) -> tuple[dict[str, Schema], Schema]:
    """The schemas of an object's named fields, and that of all others."""
    resolved = resolve(schema)
    additional = resolved.get("additionalProperties")
    return resolved.get("properties", {}), additional if isinstance(additional, dict) else {}


def elements(value: Any, schema: Schema) -> list[tuple[str, Any, Schema]] | None:
    """The path elements below a value, with their values and schemas; None for a leaf."""
    if isinstance(value, dict) and value and not is_atomic(schema):
        properties, others = _fields(schema)
        return [(f"f:{name}", item, properties.get(name) or others) for name, item in value.items()]
    if isinstance(value, list) and value:
        kind = list_type(schema)
        items = schema.get("items") or resolve(schema).get("items") or {}
        if kind == "map":
            return [(item_key(item, schema), item, items) for item in value]
        if kind == "set":
            return [("v:" + _compact(item), item, {"x-kubernetes-map-type": "atomic"}) for item in value]
    return None


def fields_of(value: Any, schema: Schema) -> Fields:
    """Every field that a value has."""
    below = elements(value, schema)
    if below is None:
        return {}
    return {
        element: _member(element, fields_of(item, child)) if isinstance(item, (dict, list)) else {}
        for element, item, child in below
    }


def _member(element: str, fields: Fields) -> Fields:
    return {".": {}, **fields} if element.startswith("k:") else fields


def changed(new: Any, old: Any, schema: Schema) -> Fields:
    """The fields of `new` that `old` lacks or has with another value; `{}` when there are none."""
    if new is old or new == old:
        return {}
    below = elements(new, schema)
    before = {element: item for element, item, _ in elements(old, schema) or ()}
    found: Fields = {}
    for element, item, child in below or ():
        if element not in before:
            found[element] = _member(element, fields_of(item, child))
        elif item != before[element]:
            inner = changed(item, before[element], child)
            if inner or elements(item, child) is None:
                found[element] = inner
    return found


def union(first: Fields, second: Fields) -> Fields:
    """Fields in either."""
    merged = dict(first)
    for element, inner in second.items():
        merged[element] = union(merged[element], inner) if element in merged else inner
    return merged


def difference(first: Fields, second: Fields) -> Fields:
    """Fields of the first that are not in the second; a leaf of the second takes all below it."""
    kept: Fields = {}
    for element, inner in first.items():
        if element not in second:
            kept[element] = inner
            continue
        if not second[element] or not inner:
            continue
        rest = difference(inner, second[element])
        if rest:
            kept[element] = rest
    return kept


def intersection(first: Fields, second: Fields) -> Fields:
    """Fields in both; a leaf stands for all below it."""
    found: Fields = {}
    for element, inner in first.items():
        if element in second:
            other = second[element]
            both = intersection(inner, other) if inner and other else (inner or other)
            if both or not inner or not other:
                found[element] = both
    return found


def leaves(fields: Fields, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all members."""
    for element, inner in fields.items():
        if element == ".":
            yield path
        elif inner:
            yield from leaves(inner, (*path, element))
        else:
            yield (*path, element)


def shown(path: tuple[str, ...]) -> str:
    """A path as a conflict message shows it: `.spec.containers[name="app"].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += (
                "[" + ",".join(f"{key}={_compact(value)}" for key, value in json.loads(rest).items()) + "]"
            )
        else:
            text += f"[={rest}]"
    return text
