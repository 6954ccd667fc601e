"""Claims and volumes: binding, provisioning folders of this machine, protecting what is in use, reclaiming.

The class `local-path` is the same as on K3s, and so is its provisioner's name. A claim in use by a pod is not
removed; a volume's folder is removed only when its claim is gone and its policy says Delete.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.events import EventType
from autostack.pocket.controllers.kinds import CLAIM, NODE, POD, STORAGE_CLASS, VOLUME
from autostack.pocket.controllers.loop import BlockedError, Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    annotations_of,
    is_deleting,
    key_of,
    name_of,
    namespace_of,
    uid_of,
)
from autostack.pocket.controllers.pods import is_finished
from autostack.pocket.controllers.volumes.binding import (
    PROVISIONED_BY,
    PROVISIONER,
    bound_status,
    choose,
    claim_reference,
    class_of,
    is_for,
    new_volume,
    phase,
    why_not,
)

PROTECTION = "kubernetes.io/pvc-protection"


def claimed_by(pod: Object) -> list[str]:
    """The names of the claims that the pod uses."""
    sources = (one.get("persistentVolumeClaim") for one in pod["spec"].get("volumes") or [])
    return [source["claimName"] for source in sources if source]


def claim_controller(cluster: Cluster, folder: Path) -> Controller:
    """Binds claims. `folder` is where new volumes are made."""

    def its_claims(pod: Object) -> Iterable[Key]:
        return [(namespace_of(pod), name) for name in claimed_by(pod)]

    def waiting_claims(obj: Object) -> Iterable[Key]:
        reference = (obj.get("spec") or {}).get("claimRef")
        if reference:
            return ((reference["namespace"], reference["name"]),)
        return [key_of(one) for one in cluster.cache(CLAIM).all() if phase(one) == "Pending"]

    async def reconcile(view: Cluster, key: Key) -> float | None:
        claim = view.cache(CLAIM).get(key)
        if claim is None:
            return None
        if is_deleting(claim):
            await _unprotect(view, claim)
        elif phase(claim) == "Bound":
            await _check(view, claim)
        else:
            await _bind(view, claim, folder)
        return None

    watches = {CLAIM: itself, POD: its_claims, VOLUME: waiting_claims, STORAGE_CLASS: waiting_claims}
    return Controller("persistentvolume-controller", watches, reconcile, reads=(NODE,))


def users_of(cluster: Cluster, claim: Object) -> list[Object]:
    """The unfinished pods that use the claim."""
    pods = cluster.cache(POD).within(namespace_of(claim))
    return [pod for pod in pods if name_of(claim) in claimed_by(pod) and not is_finished(pod)]


async def _unprotect(cluster: Cluster, claim: Object) -> None:
    finalizers = claim["metadata"].get("finalizers") or []
    if PROTECTION in finalizers and not users_of(cluster, claim):
        kept = [one for one in finalizers if one != PROTECTION]
        await cluster.patch(CLAIM, claim, {"metadata": {"finalizers": kept}})


async def _check(cluster: Cluster, claim: Object) -> None:
    volume = cluster.cache(VOLUME).get(("", claim["spec"].get("volumeName") or ""))
    if volume is None or not is_for(volume, claim):
        await cluster.set_status(CLAIM, claim, {**claim["status"], "phase": "Lost"})
        message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        cluster.event(CLAIM, claim, "Warning", "ClaimLost", message)


async def _bind(cluster: Cluster, claim: Object, folder: Path) -> None:
    class_name, storage_class = class_of(claim, cluster.cache(STORAGE_CLASS).all())
    volume = choose(claim, cluster.cache(VOLUME).all(), class_name)
    if volume is None:
        volume = await _provision(cluster, claim, class_name, storage_class, folder)
    if volume is None:
        if not claim.get("status"):
            await cluster.set_status(CLAIM, claim, {"phase": "Pending"})
        return
    if (volume["spec"].get("claimRef") or {}).get("uid") != uid_of(claim):
        volume = await cluster.patch(VOLUME, volume, {"spec": {"claimRef": claim_reference(claim)}})
    patch = {
        "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": name_of(volume)},
    }
    claim = await cluster.patch(CLAIM, claim, patch)
    await cluster.set_status(VOLUME, volume, {"phase": "Bound"})
    await cluster.set_status(CLAIM, claim, bound_status(volume))


async def _provision(
    cluster: Cluster, claim: Object, class_name: str, storage_class: Object | None, folder: Path
) -> Object | None:
    """A new volume; None (and an Event that says why) when the claim must wait."""
    obstacle = why_not(claim, class_name, storage_class, used=bool(users_of(cluster, claim)))
    if obstacle is not None or storage_class is None:
        if obstacle is not None:
            type_: EventType = "Warning" if obstacle[0] == "ProvisioningFailed" else "Normal"
            cluster.event(CLAIM, claim, type_, *obstacle)
        return None
    nodes = sorted(name_of(node) for node in cluster.cache(NODE).all())
    if not nodes:
        raise BlockedError("there is no node yet to make a volume on")
    volume = new_volume(claim, storage_class, folder, nodes[0])
    await asyncio.to_thread(_make, Path(volume["spec"]["hostPath"]["path"]))
    made = await cluster.create(VOLUME, volume)
    message = f"Successfully provisioned volume {name_of(made)}"
    cluster.event(CLAIM, claim, "Normal", "ProvisioningSucceeded", message)
    return made


def _make(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o777)  # the pod's uid is not known; the folder above is the owner's alone


def volume_controller(cluster: Cluster, folder: Path) -> Controller:
    """Keeps the phase of volumes, and reclaims those whose claim is gone."""
    del cluster

    def its_volume(claim: Object) -> Iterable[Key]:
        name = claim["spec"].get("volumeName")
        return (("", name),) if name else ()

    async def reconcile(view: Cluster, key: Key) -> float | None:
        volume = view.cache(VOLUME).get(key)
        if volume is not None and not is_deleting(volume):
            await _settle(view, volume, folder)
        return None

    return Controller("persistentvolume-reclaimer", {VOLUME: itself, CLAIM: its_volume}, reconcile)


async def _settle(cluster: Cluster, volume: Object, folder: Path) -> None:
    reference = volume["spec"].get("claimRef")
    if not reference or not reference.get("uid"):
        await cluster.set_status(VOLUME, volume, {"phase": "Available"})
        return
    claim = cluster.cache(CLAIM).get((reference["namespace"], reference["name"]))
    if claim is not None and uid_of(claim) == reference["uid"]:
        return  # the claim's side writes the phase when both are bound
    volume = await cluster.set_status(VOLUME, volume, {"phase": "Released"})
    if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
        return
    if annotations_of(volume).get(PROVISIONED_BY) == PROVISIONER:
        path = Path((volume["spec"].get("hostPath") or {}).get("path", "/"))
        if path.parent == folder:  # never remove what we did not make
            try:
                await asyncio.to_thread(_remove, path)
            except OSError as error:
                message = f"can't remove {path}: {error.strerror}"
                cluster.event(VOLUME, volume, "Warning", "VolumeFailedDelete", message)
                raise BlockedError(message) from error
        await cluster.delete(VOLUME, volume)


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
