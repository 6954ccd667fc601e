"""The three-way difference of one object: Git's manifest, the live object, and what we applied before.

A difference is a field that Git states and the cluster has otherwise, or a field that we applied before
(managedFields say so) and Git no longer states. Fields that others set or the server defaulted are
nobody's difference, so the result is quiet after defaulting. How a list is compared (by key, as a set, as
one value) is also read from managedFields: the server's own schema, without a copy of it here.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass
from typing import Any

from autostack.gitops import quantities
from autostack.gitops.objects import FIELD_MANAGER, Object
from autostack.gitops.ownership import KEY_DEFAULTS, Fields, Path, applied_fields, element_key, has_key

APPEND = "+"  # as the last step of a path: an element that the live list lacks
_EMPTY: tuple[Any, ...] = (None, "", [], {}, False, 0)
# List keys of Kubernetes' own kinds, for an object that we have not applied yet.
_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeClaimTemplates": (),
    "conditions": ("type",),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs. `path` leads through the live object; `desired` None means: Git no longer
    has it.
    """

    path: Path
    desired: Any
    live: Any

    def __str__(self) -> str:
        """The path in dotted form."""
        return "." + ".".join(str(step) for step in self.path)


def normalized(manifest: Object) -> Object:
    """The manifest as the API server will store it: no nulls, no status, a Secret's stringData folded into
    data.
    """
    shown: Object = _without_nulls(manifest)
    shown.pop("status", None)
    shown.get("metadata", {}).pop("creationTimestamp", None)
    if shown.get("kind") == "Secret" and "stringData" in shown:
        plain = shown.pop("stringData")
        encoded = {name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}
        shown["data"] = {**shown.get("data", {}), **encoded}
    return shown


def compare(desired: Object, live: Object, manager: str = FIELD_MANAGER) -> list[Difference]:
    """The differences; `desired` is normalized. apiVersion and kind are not compared: the key already
    matched.
    """
    owned = applied_fields(live, manager, desired.get("apiVersion", ""))
    found: list[Difference] = []
    shown = {name: value for name, value in desired.items() if name not in {"apiVersion", "kind"}}
    _map(shown, live, owned, (), found)
    return found


def predicted(live: Object, differences: list[Difference]) -> Object:
    """The live object as it would be with the differences resolved, for showing a diff."""
    after = copy.deepcopy(live)
    for difference in sorted(differences, key=_removal_order, reverse=True):
        _resolve(after, difference)
    return after


def _removal_order(difference: Difference) -> tuple[bool, tuple[str, ...]]:
    # Removals go last and from the end of a list, so that earlier indices stay true.
    return difference.desired is not None, tuple(
        f"{step:06d}" if isinstance(step, int) else step for step in difference.path
    )


def _resolve(root: Any, difference: Difference) -> None:
    *parents, last = difference.path
    for step in parents:
        if isinstance(root, dict) and step not in root:
            root[step] = {}
        root = root[step]
    if last == APPEND and isinstance(root, list):
        root.append(difference.desired)
    elif difference.desired is None:
        del root[last]
    else:
        root[last] = difference.desired


def _value(desired: Any, live: Any, owned: Fields | None, path: Path, found: list[Difference]) -> None:
    if isinstance(desired, dict) and isinstance(live, dict):
        _map(desired, live, owned, path, found)
    elif isinstance(desired, list) and isinstance(live, list):
        _list(desired, live, owned, path, found)
    elif not _is_same(desired, live, path):
        found.append(Difference(path, desired, live))


def _map(desired: Object, live: Object, owned: Fields | None, path: Path, found: list[Difference]) -> None:
    inner = owned or {}
    for name, value in desired.items():
        if name in live:
            below = inner.get(f"f:{name}") if owned is not None else None
            _value(value, live[name], below, (*path, name), found)
        elif not _is_empty(value):
            found.append(Difference((*path, name), value, None))
    for name in inner:
        field = name[2:]
        if name.startswith("f:") and field not in desired and field in live:
            found.append(Difference((*path, field), None, live[field]))


def _list(
    desired: list[Any], live: list[Any], owned: Fields | None, path: Path, found: list[Difference]
) -> None:
    if owned and any(name.startswith("k:") for name in owned):
        keys = tuple(element_key(next(name for name in owned if name.startswith("k:"))))
        _keyed_list(desired, live, keys, owned, path, found)
    elif owned and any(name.startswith("v:") for name in owned):
        _set(desired, live, owned, path, found)
    elif owned is None and (guessed := _guessed_keys(desired, path)):
        _keyed_list(desired, live, guessed, None, path, found)
    elif not _is_same_list(desired, live, path):
        found.append(Difference(path, desired, live))


def _keyed_list(  # noqa: PLR0917 - the walk's own parameters, private
    desired: list[Any],
    live: list[Any],
    keys: tuple[str, ...],
    owned: Fields | None,
    path: Path,
    found: list[Difference],
) -> None:
    wanted: list[dict[str, Any]] = []
    for element in desired:
        identity = {key: element.get(key, KEY_DEFAULTS.get(key)) for key in keys}
        wanted.append(identity)
        index = next((at for at, other in enumerate(live) if has_key(other, identity)), None)
        if index is None:
            found.append(Difference((*path, APPEND), element, None))
            continue
        below: Fields | None = None
        if owned is not None:
            below = next(
                (
                    tree
                    for name, tree in owned.items()
                    if name.startswith("k:") and element_key(name) == identity
                ),
                {},
            )
        _value(element, live[index], below, (*path, index), found)
    for name in owned or {}:
        if name.startswith("k:") and element_key(name) not in wanted:
            index = next((at for at, other in enumerate(live) if has_key(other, element_key(name))), None)
            if index is not None:
                found.append(Difference((*path, index), None, live[index]))


def _set(desired: list[Any], live: list[Any], owned: Fields, path: Path, found: list[Difference]) -> None:
    found += [Difference((*path, APPEND), element, None) for element in desired if element not in live]
    ours = [json.loads(name[2:]) for name in owned if name.startswith("v:")]
    gone = [value for value in ours if value not in desired and value in live]
    found += [Difference((*path, live.index(value)), None, value) for value in gone]


def _guessed_keys(desired: list[Any], path: Path) -> tuple[str, ...]:
    name = path[-1] if path else ""
    if not desired or not all(isinstance(element, dict) for element in desired):
        return ()
    if name == "ports":
        for key in ("containerPort", "port"):
            if all(key in element for element in desired):
                return (key, "protocol")
    keys = _LIST_KEYS.get(str(name), ())
    return keys if all(key in element for key in keys for element in desired) else ()


def _is_same_list(desired: list[Any], live: list[Any], path: Path) -> bool:
    if len(desired) != len(live):
        return False
    inner: list[Difference] = []
    for one, other in zip(desired, live, strict=True):
        _value(one, other, None, (*path, 0), inner)
    return not inner


def _is_same(desired: Any, live: Any, path: Path) -> bool:
    if type(desired) is type(live) and desired == live:
        return True
    if _is_empty(desired) and _is_empty(live):
        return True
    if isinstance(desired, (int, float)) and isinstance(live, (int, float)) and not isinstance(live, bool):
        return desired == live
    return any(step in quantities.FIELDS for step in path) and quantities.are_equal(desired, live)


def _is_empty(value: Any) -> bool:
    return any(type(value) is type(empty) and value == empty for empty in _EMPTY)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
