"""Visit every part of an object that has a named definition, children first.

Defaults and constraints are tables by definition name; one walk finds each Container, Probe or Volume
wherever it occurs, so a pod template in a CronJob is treated like a pod.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from autostack.pocket.apiserver.schemas import Schema, resolve


class Part(NamedTuple):
    """One typed part: the definition's name, the part itself, and where it is."""

    definition: str
    value: dict[str, Any]
    path: str


def parts(value: Any, schema: Schema, name: str = "") -> list[Part]:
    """All parts, depth first; the caller may change a part that it was given."""
    found: list[Part] = []
    _collect(found, value, schema, "", name)
    return found


def _collect(found: list[Part], value: Any, schema: Schema, path: str, name: str = "") -> None:
    name = schema.get("$ref", name)
    schema = resolve(schema)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        additional = schema.get("additionalProperties")
        for key, item in value.items():
            if isinstance(item, (dict, list)):
                child = properties.get(key) or (additional if isinstance(additional, dict) else None)
                if child is not None:
                    _collect(found, item, child, f"{path}.{key}" if path else key)
        if name:
            found.append(Part(name, value, path))
    elif "items" in schema:
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                _collect(found, item, schema["items"], f"{path}[{index}]")
