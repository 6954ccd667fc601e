"""Structural schemas of custom resources: defaults are filled in here, values are checked by a compiled
JSON schema.

Pruning and types are the same walk as for built-in kinds. Validation of values (bounds, patterns,
enumerations, …) is jsonschema-rs's, compiled once per schema; Kubernetes' own extensions are stripped from
what it sees.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

from autostack.pocket.apiserver.extensions.formats import CHECKS, INTEGERS
from autostack.pocket.errors import FieldError

Object = dict[str, Any]
Schema = dict[str, Any]
MAX_ERRORS = 20
# What Kubernetes says of a value beyond a bound; the bound is the first, the value the second argument.
WORDS = {
    "minimum": "should be greater than or equal to {0}",
    "maximum": "should be less than or equal to {0}",
    "exclusiveMinimum": "should be greater than {0}",
    "exclusiveMaximum": "should be less than {0}",
    "multipleOf": "should be a multiple of {0}",
    "minLength": "should be at least {0} chars long",
    "minItems": "should have at least {0} items",
    "pattern": "should match '{0}'",
    "format": "must be of type {0}: {1}",
}


def fill_defaults(value: Any, schema: Schema) -> None:
    """Write the schema's defaults where fields are absent, in place, outermost first."""
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name not in value and "default" in child:
                value[name] = copy.deepcopy(child["default"])
            if name in value:
                fill_defaults(value[name], child)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for item in value.values():
                fill_defaults(item, additional)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            fill_defaults(item, schema["items"])


def plain(schema: Any) -> Any:
    """The schema as JSON Schema understands it: `nullable` and int-or-string spelt out, `x-kubernetes-*`
    dropped.
    """
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    turned: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            turned[key] = {name: plain(child) for name, child in value.items()}
        elif not key.startswith("x-") and key not in (
            "nullable",
            "description",
            "example",
            "externalDocs",
            "default",
            "format",
        ):
            turned[key] = plain(value) if key not in ("enum", "required") else value
    _spell_out(turned, schema)
    return turned


def _spell_out(turned: Schema, schema: Schema) -> None:
    """Formats, int-or-string, exclusive bounds and `nullable`, in JSON Schema's words."""
    if schema.get("type") == "string" and schema.get("format") in CHECKS:
        turned["format"] = schema["format"]
    if schema.get("type") == "integer" and schema.get("format") in INTEGERS:
        limit = INTEGERS[schema["format"]]
        turned.setdefault("allOf", []).append({"minimum": -limit, "maximum": limit - 1})
    if schema.get("x-kubernetes-int-or-string"):
        turned["type"] = ["integer", "string"]
    for bound in ("Minimum", "Maximum"):  # draft 4 writes a flag where later drafts write the bound itself
        if turned.get(f"exclusive{bound}") is True:
            turned[f"exclusive{bound}"] = turned.pop(bound.lower(), None)
        elif turned.get(f"exclusive{bound}") is False:
            del turned[f"exclusive{bound}"]
    if schema.get("nullable") and isinstance(turned.get("type"), str):
        turned["type"] = [turned["type"], "null"]


def compiled(schema: Schema) -> Any:
    """The schema's validator; raises ValueError when the schema itself is wrong."""
    import jsonschema_rs  # noqa: PLC0415 - costs memory, and only custom resources need it

    return jsonschema_rs.Draft7Validator(plain(schema), formats=CHECKS, validate_formats=True)


def errors(obj: Object, schema: Schema) -> Iterator[FieldError]:
    """What is wrong with a custom resource's values."""
    validator = schema.get("x-autostack-validator")
    if validator is None:
        return
    for error in itertools.islice(validator.iter_errors(obj), MAX_ERRORS):
        yield _field_error(error)
    yield from itertools.islice(_duplicates(obj, schema), MAX_ERRORS)


def _duplicates(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """Items that a list of type `set` or `map` has twice."""
    if isinstance(value, dict):
        properties, additional = schema.get("properties", {}), schema.get("additionalProperties")
        for name, item in value.items():
            child = properties.get(name, additional)
            if isinstance(child, dict) and isinstance(item, (dict, list)):
                yield from _duplicates(item, child, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        seen: set[str] = set()
        for index, item in enumerate(value):
            identity = _identity(item, schema)
            if identity is not None:
                written = json.dumps(identity, sort_keys=True)
                if written in seen:
                    yield FieldError(f"{path}[{index}]", "", "Duplicate value", identity)
                seen.add(written)
            yield from _duplicates(item, schema["items"], f"{path}[{index}]")


def _identity(item: Any, schema: Schema) -> Any:
    kind = schema.get("x-kubernetes-list-type")
    if kind == "map" and isinstance(item, dict):
        return {key: item.get(key) for key in schema.get("x-kubernetes-list-map-keys", ())}
    return item if kind == "set" else None


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
    return names.get(type(value), "null")


def _too_large(path: str, error: Any) -> FieldError:
    if isinstance(error.instance, list):
        return FieldError(
            path, f"must have at most {error.kind.value} items", "Too many", len(error.instance)
        )
    return FieldError(path, f"may not be more than {error.kind.value} bytes", "Too long")


def _field_error(error: Any) -> FieldError:
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path
    ).lstrip(".")
    kind = str(error.kind.name)
    value = error.instance if not isinstance(error.instance, (dict, list)) else type(error.instance).__name__
    if kind == "required":
        missing = error.kind.property
        return FieldError(f"{path}.{missing}" if path else str(missing), "", "Required value")
    if kind == "enum":
        choices = ", ".join(f'"{option}"' for option in error.kind.options)
        return FieldError(path, f"supported values: {choices}", "Unsupported value", value)
    if kind == "type":
        given, wanted = _type_name(error.instance), error.kind.value
        allowed = wanted if isinstance(wanted, str) else ",".join(name for name in wanted if name != "null")
        return FieldError(path, f'{path or "body"} in body must be of type {allowed}: "{given}"', value=given)
    if kind in ("maxItems", "maxLength"):
        return _too_large(path, error)
    if kind in WORDS:
        said = f"{path or 'body'} in body {WORDS[kind].format(error.kind.value, json.dumps(error.instance))}"
        return FieldError(path, said, value=value)
    return FieldError(path, f"{path or 'body'} in body {str(error.message)[:300]}", value=value)
