"""What the schema of a CustomResourceDefinition may say: the rules of structural schemas, and what this
cluster could not enforce. Pure: a schema in, errors and warnings out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autostack.pocket.apiserver.extensions.formats import is_checked
from autostack.pocket.errors import FieldError

Schema = dict[str, Any]
CEL = "x-kubernetes-validations"
OPEN = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")
FORBIDDEN = ("$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties")
LOGICAL = ("allOf", "anyOf", "oneOf")


def below(schema: Schema, path: str) -> Iterator[tuple[Schema, str, bool]]:
    """The schema and all schemas in it, with their paths; the flag says whether it describes a field of its
    own, and does not only restrict one (below `allOf`, `not`, …).
    """
    yield schema, path, True
    for name, child in (schema.get("properties") or {}).items():
        yield from below(child, f"{path}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from below(schema[name], f"{path}.{name}")
    for name in LOGICAL:
        for index, child in enumerate(schema.get(name) or ()):
            for found, at, _ in below(child, f"{path}.{name}[{index}]"):
                yield found, at, False
    if isinstance(schema.get("not"), dict):
        for found, at, _ in below(schema["not"], f"{path}.not"):
            yield found, at, False


def errors(schema: Schema, path: str) -> Iterator[FieldError]:
    """What is wrong with a version's schema."""
    if schema.get("type") != "object":
        yield FieldError(f"{path}.type", "must be object at the root", value=schema.get("type"))
    yield from _metadata_errors(schema, path)
    for part, at, is_field in below(schema, path):
        yield from _part_errors(part, at)
        if is_field and not part.get("type") and not any(part.get(name) for name in OPEN):
            yield FieldError(f"{at}.type", "must not be empty for specified object fields", "Required value")


def _part_errors(part: Schema, at: str) -> Iterator[FieldError]:
    if part.get(CEL):
        yield FieldError(
            f"{at}.{CEL}",
            "a pocket cluster evaluates no CEL rules, and does not store rules that it would not enforce",
            "Forbidden",
        )
    for name in FORBIDDEN:
        if part.get(name):
            yield FieldError(f"{at}.{name}", f"{name} is not supported", "Forbidden")
    if part.get("uniqueItems"):
        yield FieldError(
            f"{at}.uniqueItems",
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
            "Forbidden",
        )
    if isinstance(part.get("items"), list):
        yield FieldError(f"{at}.items", "items must be a schema object and not an array", "Forbidden")
    if part.get("properties") and part.get("additionalProperties"):
        yield FieldError(
            f"{at}.additionalProperties",
            "additionalProperties and properties are mutual exclusive",
            "Forbidden",
        )
    if part.get("additionalProperties") is False:
        yield FieldError(
            f"{at}.additionalProperties", "additionalProperties cannot be set to false", "Forbidden"
        )


def _metadata_errors(schema: Schema, at: str) -> Iterator[FieldError]:
    """Of an object's metadata a definition may restrict the name alone."""
    declared = (schema.get("properties") or {}).get("metadata", {})
    named = set(declared.get("properties", {})) - {"name", "generateName"}
    if named or set(declared) - {"type", "description", "properties"}:
        yield FieldError(
            f"{at}.properties[metadata]",
            "must not specify anything other than name and generateName",
            "Forbidden",
        )


def warnings(schema: Schema, path: str) -> Iterator[str]:
    """Formats that nobody checks."""
    for part, at, _ in below(schema, path):
        name = part.get("format")
        if name and not is_checked(str(name)):
            yield f"{at}.format: has no effect in a pocket cluster: the format {name!r} is not checked"
