"""Decode an object by its schema: right types, known fields, no nulls; the problems are collected by path.

The result is a new object that holds only what the schema knows, as a typed decoder would give. Built-in
kinds and custom resources go through the same walk; a CRD's extensions (preserve-unknown-fields, nullable)
are honoured in it.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from autostack.pocket.apiserver.schemas import Schema, resolve
from autostack.pocket.quantities import canonical

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
MAX_DEPTH = 100
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=\r\n]")
MAX_PROBLEMS = 50


@dataclass(slots=True)
class Problems:
    """What was wrong: fields nobody knows, values of the wrong type, required fields that are missing.

    With `keep_mistyped` what is mistyped outside metadata is kept, for a validator that comes after; with
    `drop_empty` empty lists and maps go, as the built-in kinds' encoders leave them out.
    """

    keep_mistyped: bool = False
    drop_empty: bool = True
    unknown: list[str] = field(default_factory=list)
    mistyped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def conform(value: Any, schema: Schema, problems: Problems, path: str = "", depth: int = 0) -> Any:
    """The value as the schema sees it; what it does not see is noted in `problems` and left out."""
    is_quantity = schema.get("$ref") == QUANTITY
    schema = resolve(schema)
    if depth > MAX_DEPTH:
        problems.mistyped.append(f"{path}: nested deeper than {MAX_DEPTH} levels")
        return None
    kind = schema.get("type")
    if isinstance(value, dict):
        if kind not in ("object", None):
            return _mistyped(value, schema, problems, path)
        return _object(value, schema, problems, path, depth)
    if isinstance(value, list) and kind in ("array", None):
        items = schema.get("items", {})
        return [
            conform(item, items, problems, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)
        ]
    if not _scalar_fits(value, schema):
        return _mistyped(value, schema, problems, path)
    if schema.get("format") == "byte" and value:
        _check_base64(value, problems)
    return _quantity(value, problems) if is_quantity and value is not None else value


def _object(
    value: dict[str, Any], schema: Schema, problems: Problems, path: str, depth: int
) -> dict[str, Any]:
    properties: dict[str, Schema] | None = schema.get("properties")
    additional = schema.get("additionalProperties")
    open_ended = _open_ended(schema)
    kept: dict[str, Any] = {}
    for name, item in value.items():
        at = f"{path}.{name}" if path else name
        known = None if properties is None else properties.get(name)
        if known is None and isinstance(additional, dict):
            known = additional
        if known is None:
            if (
                schema.get("x-kubernetes-embedded-resource") and name in ("apiVersion", "kind", "metadata")
            ) or open_ended:
                kept[name] = item
            elif len(problems.unknown) < MAX_PROBLEMS:
                problems.unknown.append(at)
            continue
        if item is None and not known.get("nullable"):
            continue
        seen = item if item is None else conform(item, known, problems, at, depth + 1)
        if not seen and problems.drop_empty and _is_left_out(name, seen, known, schema):
            continue
        kept[name] = seen
    for name in schema.get("required", ()):
        if name not in kept and len(problems.missing) < MAX_PROBLEMS:
            problems.missing.append(f"{path}.{name}" if path else name)
    return kept


def _is_left_out(name: str, value: Any, known: Schema, owner: Schema) -> bool:
    """An empty list, or an empty map that is no object of its own, is written as nothing."""
    if name in owner.get("required", ()):
        return False
    return value == [] or (value == {} and "additionalProperties" in resolve(known))


def _open_ended(schema: Schema) -> bool:
    if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties") is True:
        return True
    return "properties" not in schema and "additionalProperties" not in schema


def _scalar_fits(value: Any, schema: Schema) -> bool:
    if value is None:
        return True
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, (str, int, float)) and not isinstance(value, bool)
    kind = schema.get("type")
    if isinstance(value, bool):
        return kind in ("boolean", None)
    if kind == "integer":
        return isinstance(value, int) and -(2**63) <= value < 2**63
    if kind == "number":
        return isinstance(value, (int, float))
    return isinstance(value, str) if kind == "string" else kind is None


def _check_base64(text: str, problems: Problems) -> None:
    try:
        binascii.a2b_base64(text.replace("\n", "").replace("\r", ""), strict_mode=True)
    except (binascii.Error, ValueError):
        wrong = _NOT_BASE64.search(text)
        problems.mistyped.append(f"illegal base64 data at input byte {wrong.start() if wrong else len(text)}")


def _quantity(value: str | int | float, problems: Problems) -> str | None:
    try:
        return canonical(str(value))
    except ValueError as error:
        problems.mistyped.append(str(error))
        return None


def _mistyped(value: Any, schema: Schema, problems: Problems, path: str) -> Any:
    if problems.keep_mistyped and not path.startswith("metadata"):
        return value
    names = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
    if len(problems.mistyped) < MAX_PROBLEMS:
        wanted = "string or integer" if schema.get("x-kubernetes-int-or-string") else schema.get("type")
        given, field = names.get(type(value), "null"), path or "body"
        problems.mistyped.append(f"json: cannot unmarshal {given} into field {field} of type {wanted}")
    return None
