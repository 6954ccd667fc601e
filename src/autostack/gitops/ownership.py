"""What metadata.managedFields says: which fields of a live object a manager owns, as the tree FieldsV1.

Keys are `f:<field>`, `k:{…}` (an element of a keyed list), `v:<value>` (an element of a set), `.` (the
node itself). An empty subtree is a leaf, or a list or map that the API server treats as one value.
"""

from __future__ import annotations

import json
from typing import Any

from autostack.gitops.objects import Object, metadata

Fields = dict[str, Any]
Path = tuple[str | int, ...]

# What the server fills in within a list key when the manifest leaves it out.
KEY_DEFAULTS = {"protocol": "TCP"}


def applied_fields(live: Object, manager: str, api_version: str) -> Fields | None:
    """The tree of what `manager` applied; None when it never applied this version of the object."""
    for entry in metadata(live).get("managedFields") or []:
        if (
            entry.get("manager") == manager
            and entry.get("operation") == "Apply"
            and entry.get("apiVersion") == api_version
            and not entry.get("subresource")
        ):
            fields: Fields = entry.get("fieldsV1") or {}
            return fields
    return None


def element_key(name: str) -> dict[str, Any]:
    """The keys of `k:{"containerPort":8000,"protocol":"TCP"}`."""
    keys: dict[str, Any] = json.loads(name[2:])
    return keys


def has_key(element: Any, keys: dict[str, Any]) -> bool:
    """Whether a list element is the one with these keys, taking the server's defaults for those it leaves
    out.
    """
    return isinstance(element, dict) and all(
        element.get(name, KEY_DEFAULTS.get(name)) == value for name, value in keys.items()
    )


def managed_paths(live: Object, managers: tuple[str, ...]) -> list[Path]:
    """The concrete paths of the leaves that any of the managers owns."""
    paths: list[Path] = []
    for entry in metadata(live).get("managedFields") or []:
        if entry.get("manager") in managers:
            _leaves(entry.get("fieldsV1") or {}, live, (), paths)
    return paths


def _leaves(fields: Fields, value: Any, path: Path, into: list[Path]) -> None:
    inner = {name: below for name, below in fields.items() if name != "."}
    if not inner:
        into.append(path)
        return
    for name, below in inner.items():
        step = _step(name, value)
        if step is not None:
            found = value.get(step) if isinstance(step, str) and isinstance(value, dict) else None
            if isinstance(step, int):
                found = value[step]
            _leaves(below, found, (*path, step), into)


def _step(name: str, value: Any) -> str | int | None:
    if name.startswith("f:"):
        return name[2:]
    if not isinstance(value, list):
        return None
    for index, element in enumerate(value):
        if name.startswith("k:") and has_key(element, element_key(name)):
            return index
        if name.startswith("v:") and element == json.loads(name[2:]):
            return index
    return None
