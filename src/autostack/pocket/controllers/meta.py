"""Reading an object's metadata: keys, owners, selectors, conditions, times. Pure; never changes what it is
given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import Kind

Key = tuple[str, str]
"""Namespace ("" for cluster-scoped kinds) and name."""


def key_of(obj: Object) -> Key:
    """The object's namespace and name."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def name_of(obj: Object) -> str:
    """`metadata.name`."""
    return str(obj["metadata"]["name"])


def namespace_of(obj: Object) -> str:
    """`metadata.namespace`, "" when the kind has none."""
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Object) -> str:
    """`metadata.uid`."""
    return str(obj["metadata"]["uid"])


def labels_of(obj: Object) -> Mapping[str, str]:
    """`metadata.labels`, empty when absent."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> Mapping[str, str]:
    """`metadata.annotations`, empty when absent."""
    return obj["metadata"].get("annotations") or {}


def is_deleting(obj: Object) -> bool:
    """Whether deletion was asked for and waits on finalizers or a grace period."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def owners_of(obj: Object) -> list[dict[str, Any]]:
    """All ownerReferences."""
    return obj["metadata"].get("ownerReferences") or []


def controller_of(obj: Object) -> dict[str, Any] | None:
    """The one owner reference with `controller: true`."""
    return next((owner for owner in owners_of(obj) if owner.get("controller")), None)


def is_controlled_by(obj: Object, owner: Object) -> bool:
    """Whether `owner` itself, not a namesake, controls `obj`."""
    controller = controller_of(obj)
    return controller is not None and controller["uid"] == uid_of(owner)


def owner_reference(kind: Kind, owner: Object) -> dict[str, Any]:
    """The reference that makes `owner` the controller."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def with_metadata(obj: Object, **fields: Any) -> Object:
    """A copy whose metadata carries `fields`; everything else is shared."""
    return {**obj, "metadata": {**obj["metadata"], **fields}}


def with_section(obj: Object, section: str, **fields: Any) -> Object:
    """A copy whose `section` (spec, status) carries `fields`; everything else is shared."""
    return {**obj, section: {**(obj.get(section) or {}), **fields}}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; null matches nothing and {} everything, as the API says."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(name) != value for name, value in wanted.items()):
        return False
    return all(_meets(one, labels) for one in selector.get("matchExpressions") or [])


def _meets(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    name, values = requirement["key"], requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return labels.get(name) in values
        case "NotIn":
            return labels.get(name) not in values
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
        case "Gt" | "Lt" as operator:  # node selectors only
            return _compares(labels.get(name), operator, values)
        case _:
            return False


def _compares(value: str | None, operator: str, bounds: list[str]) -> bool:
    if value is None or len(bounds) != 1:
        return False
    try:
        return int(value) > int(bounds[0]) if operator == "Gt" else int(value) < int(bounds[0])
    except ValueError:
        return False


def time_of(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API."""
    return datetime.fromisoformat(text) if text else None


def timestamp(moment: datetime) -> str:
    """The API's form of a time: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(obj: Object, type_: str) -> dict[str, Any] | None:
    """The status condition of that type."""
    conditions: Iterable[dict[str, Any]] = (obj.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == type_), None)


def has_condition(obj: Object, type_: str) -> bool:
    """Whether the condition is there and True."""
    found = condition(obj, type_)
    return found is not None and found["status"] == "True"


def scaled(value: int | str, total: int, *, round_up: bool) -> int:
    """An int-or-percent of `total`; a value that is neither raises ValueError with the value in it."""
    if isinstance(value, int):
        return value
    digits = value.removesuffix("%")
    if not value.endswith("%") or not digits.isdigit():
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    product = int(digits) * total
    return -(-product // 100) if round_up else product // 100
