"""ignoreDifferences: which fields of an object do not count, and what is applied in their place.

By default an ignored field only stays out of the comparison. With RespectIgnoreDifferences the live value
is applied too. It is copied, not left out: leaving it out would give up our ownership, and the server
would drop the value.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from autostack.gitops.application import IgnoreRule
from autostack.gitops.diff import Difference
from autostack.gitops.objects import Object, ObjectKey
from autostack.gitops.ownership import Path, managed_paths


def rules_for(key: ObjectKey, rules: Iterable[IgnoreRule]) -> list[IgnoreRule]:
    """The rules that speak of this object; group and kind may be globs, as in Argo CD."""
    return [
        rule
        for rule in rules
        if fnmatchcase(key.group, rule.group)
        and fnmatchcase(key.kind, rule.kind)
        and rule.name in {"", key.name}
        and rule.namespace in {"", key.namespace}
    ]


def ignored_paths(rules: Iterable[IgnoreRule], obj: Object, *, with_managers: bool = True) -> list[Path]:
    """The concrete paths in this object that the rules name."""
    paths: list[Path] = []
    for rule in rules:
        paths += [found for pointer in rule.json_pointers if (found := _pointer(pointer, obj)) is not None]
        paths += [found for jq in rule.jq_paths for found in jq.paths(obj)]
        if with_managers and rule.managers:
            paths += managed_paths(obj, rule.managers)
    return paths


def remaining(differences: list[Difference], rules: list[IgnoreRule], live: Object) -> list[Difference]:
    """The differences that count."""
    if not rules:
        return differences
    paths = ignored_paths(rules, live)
    plain = [_steps(pointer) for rule in rules for pointer in rule.json_pointers]
    return [
        difference
        for difference in differences
        if not any(_is_below(difference.path, path) for path in paths)
        and not any(_is_below(tuple(map(str, difference.path)), path) for path in plain)
    ]


def without_ignored(desired: Object, rules: list[IgnoreRule]) -> Object:
    """The manifest without what the rules name in it; what the applied hash is taken of."""
    shown = copy.deepcopy(desired)
    for path in sorted(ignored_paths(rules, shown, with_managers=False), key=len, reverse=True):
        parent = _at(shown, path[:-1])
        if isinstance(parent, dict):
            parent.pop(path[-1], None)
        elif isinstance(parent, list) and isinstance(path[-1], int):
            parent[path[-1]] = None
    return shown


def with_live_values(desired: Object, rules: list[IgnoreRule], live: Object) -> Object:
    """The manifest to apply under RespectIgnoreDifferences: ignored scalars and maps carry the live value."""
    applied = copy.deepcopy(desired)
    for path in ignored_paths(rules, live):
        value, parent = _at(live, path), _at(applied, path[:-1])
        if value is not None and isinstance(parent, dict):
            parent[str(path[-1])] = copy.deepcopy(value)
    return applied


def _steps(pointer: str) -> tuple[str, ...]:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _pointer(pointer: str, obj: Any) -> Path | None:
    path: Path = ()
    for step in _steps(pointer):
        if isinstance(obj, list) and step.isdigit() and int(step) < len(obj):
            obj, path = obj[int(step)], (*path, int(step))
        elif isinstance(obj, dict) and step in obj:
            obj, path = obj[step], (*path, step)
        else:
            return None
    return path


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _is_below(path: Path, ancestor: Path) -> bool:
    return path[: len(ancestor)] == ancestor
