"""Which volume a claim gets: the one it names, the smallest existing one that fits, or a new one. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import CLAIM
from autostack.pocket.controllers.meta import (
    annotations_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    selects,
    uid_of,
)
from autostack.pocket.quantities import quantity

PROVISIONER = "rancher.io/local-path"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


def phase(obj: Object) -> str:
    """`status.phase` of a claim or volume."""
    return str((obj.get("status") or {}).get("phase") or "Pending")


def class_of(claim: Object, classes: Iterable[Object]) -> tuple[str, Object | None]:
    """The claim's class by name and object; a claim without one has the default class."""
    name = claim["spec"].get("storageClassName")
    if name is None:
        defaults = [one for one in classes if annotations_of(one).get(DEFAULT_CLASS) == "true"]
        chosen = min(defaults, key=name_of, default=None)
        return (name_of(chosen) if chosen else ""), chosen
    return name, next((one for one in classes if name_of(one) == name), None)


def requested(claim: Object) -> str:
    """The size that the claim asks for."""
    return str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0"))


def is_for(volume: Object, claim: Object) -> bool:
    """Whether the volume is reserved for this very claim (by name, before it was ever bound)."""
    reference = volume["spec"].get("claimRef") or {}
    named = reference.get("name") == name_of(claim) and reference.get("namespace") == namespace_of(claim)
    return named and reference.get("uid") in (None, "", uid_of(claim))


def fits(volume: Object, claim: Object, class_name: str) -> bool:
    """Class, mode, access, size and selector."""
    spec, wanted = volume["spec"], claim["spec"]
    if is_deleting(volume) or (spec.get("storageClassName") or "") != class_name:
        return False
    if spec.get("volumeMode", "Filesystem") != wanted.get("volumeMode", "Filesystem"):
        return False
    if not set(wanted.get("accessModes") or []) <= set(spec.get("accessModes") or []):
        return False
    if quantity((spec.get("capacity") or {}).get("storage", "0")) < quantity(requested(claim)):
        return False
    selector = wanted.get("selector")
    return selector is None or selects(selector, labels_of(volume))


def choose(claim: Object, volumes: Iterable[Object], class_name: str) -> Object | None:
    """An existing volume for the claim, the smallest first; None when there is none."""
    candidates = list(volumes)
    named = claim["spec"].get("volumeName")
    if named:
        candidates = [one for one in candidates if name_of(one) == named]
    free = [
        one
        for one in candidates
        if is_for(one, claim) or (not one["spec"].get("claimRef") and fits(one, claim, class_name))
    ]
    free.sort(key=lambda one: quantity((one["spec"].get("capacity") or {}).get("storage", "0")))
    return min(free, key=lambda one: not is_for(one, claim), default=None)


def why_not(
    claim: Object, class_name: str, storage_class: Object | None, *, used: bool
) -> tuple[str, str] | None:
    """Why no volume can be made for the claim now, as an Event's reason and message; None when one can."""
    spec = claim["spec"]
    found: tuple[str, str] | None = None
    if spec.get("volumeName"):
        found = "FailedBinding", f'volume "{spec["volumeName"]}" is not there or does not fit'
    elif not class_name:
        message = "no persistent volumes available for this claim and no storage class is set"
        found = "FailedBinding", message
    elif storage_class is None:
        found = "ProvisioningFailed", f'storageclass.storage.k8s.io "{class_name}" not found'
    elif storage_class["provisioner"] != PROVISIONER:
        named = f"{storage_class['provisioner']!r}, which is not part of this cluster"
        found = "ExternalProvisioning", f"waiting for a volume from the provisioner {named}"
    elif spec.get("volumeMode", "Filesystem") != "Filesystem":
        found = "ProvisioningFailed", "volumeMode Block is not implemented; use Filesystem"
    elif storage_class.get("volumeBindingMode") == "WaitForFirstConsumer" and not used:
        found = "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
    return found


def claim_reference(claim: Object) -> dict[str, Any]:
    """The claim as a volume's claimRef."""
    return {
        "apiVersion": "v1",
        "kind": CLAIM.name,
        "namespace": namespace_of(claim),
        "name": name_of(claim),
        "uid": uid_of(claim),
    }


def new_volume(claim: Object, storage_class: Object, folder: Path, node: str) -> Object:
    """A volume that is a folder of this machine, reserved for the claim."""
    name = f"pvc-{uid_of(claim)}"
    path = folder / f"{name}_{namespace_of(claim)}_{name_of(claim)}"
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": requested(claim)},
            "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "storageClassName": name_of(storage_class),
            "volumeMode": "Filesystem",
            "claimRef": claim_reference(claim),
            "hostPath": {"path": str(path), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
        },
    }


def bound_status(volume: Object) -> dict[str, Any]:
    """The status of a claim that has this volume."""
    spec = volume["spec"]
    return {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["capacity"]}
