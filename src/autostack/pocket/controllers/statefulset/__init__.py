"""StatefulSet: pods with a stable name, host name and storage, made and replaced in order."""

from __future__ import annotations

import functools
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import claim, its_claimants
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.history import forget_revisions, keep_revisions, revision_name, template_of
from autostack.pocket.controllers.kinds import CLAIM, CONTROLLER_REVISION, POD, STATEFUL_SET
from autostack.pocket.controllers.loop import Controller, its_controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    is_deleting,
    key_of,
    name_of,
    namespace_of,
    owners_of,
    uid_of,
)
from autostack.pocket.controllers.pods import is_available, is_ready, soonest_available_s
from autostack.pocket.controllers.statefulset.identity import (
    claim_names,
    claim_owners,
    new_claims,
    new_pod,
    ordinal_of,
)
from autostack.pocket.controllers.statefulset.plan import Create, Delete, Step, View, plan
from autostack.pocket.errors import ApiError


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""
    watches = {
        STATEFUL_SET: itself,
        POD: its_claimants(cluster, STATEFUL_SET),
        CONTROLLER_REVISION: its_controller(STATEFUL_SET),
    }
    return Controller("statefulset-controller", watches, reconcile, reads=(CLAIM,))


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Revisions, claims, the next steps, then the status."""
    stateful_set = cluster.cache(STATEFUL_SET).get(key)
    if stateful_set is None:
        return None
    pods = await claim(cluster, STATEFUL_SET, stateful_set, POD)
    if is_deleting(stateful_set):
        return None
    revisions = await keep_revisions(cluster, STATEFUL_SET, stateful_set)
    known = {name_of(one): one for one in revisions}
    update = name_of(revisions[-1])
    current = (stateful_set.get("status") or {}).get("currentRevision", "")
    view = View.of(stateful_set, pods, (current if current in known else update, update), cluster.now())
    await _keep_claim_owners(cluster, view)
    for step in plan(view):
        await _perform(cluster, view, known, step)
    pods = cluster.cache(POD).controlled_by(uid_of(stateful_set))
    view = View.of(stateful_set, pods, (view.current_revision, view.update_revision), cluster.now())
    await cluster.set_status(
        STATEFUL_SET, cluster.cache(STATEFUL_SET).get(key) or stateful_set, status_of(view)
    )
    used = {view.current_revision, *(revision_name(pod) for pod in pods)}
    await forget_revisions(cluster, stateful_set, revisions, used)
    return soonest_available_s(pods, stateful_set["spec"].get("minReadySeconds", 0), view.now)


async def _perform(cluster: Cluster, view: View, revisions: dict[str, Object], step: Step) -> None:
    stateful_set, name = view.stateful_set, name_of(view.stateful_set)
    tell = functools.partial(cluster.event, STATEFUL_SET, stateful_set)
    match step:
        case Create(ordinal, revision):
            await _create_claims(cluster, view, ordinal)
            pod = new_pod(stateful_set, template_of(revisions[revision]), ordinal, revision)
            try:
                made = await cluster.create(POD, pod)
            except ApiError as error:
                message = f"Create Pod {name}-{ordinal} in StatefulSet {name} failed error: {error.message}"
                tell("Warning", "FailedCreate", message)
                raise
            message = f"Create Pod {name_of(made)} in StatefulSet {name} successful"
            tell("Normal", "SuccessfulCreate", message)
        case Delete(pod):
            await cluster.delete(POD, pod)
            message = f"Delete Pod {name_of(pod)} in StatefulSet {name} successful"
            tell("Normal", "SuccessfulDelete", message)


async def _create_claims(cluster: Cluster, view: View, ordinal: int) -> None:
    for wanted in new_claims(view.stateful_set, ordinal):
        existing = cluster.cache(CLAIM).get(key_of(wanted))
        if existing is not None and is_deleting(existing):
            raise ApiError(409, "Conflict", f"claim {name_of(wanted)} is still being deleted")
        if existing is None:
            owners = claim_owners(view.stateful_set, None, condemned=False)
            with tolerating(409):
                await cluster.create(
                    CLAIM, {**wanted, "metadata": {**wanted["metadata"], "ownerReferences": owners}}
                )


async def _keep_claim_owners(cluster: Cluster, view: View) -> None:
    """Make the claims of existing pods carry the owners that the retention policy wants."""
    for pod in view.pods.values():
        ordinal = ordinal_of(view.stateful_set, pod)
        if ordinal is None:
            continue
        wanted = claim_owners(view.stateful_set, pod, condemned=ordinal not in view.ordinals)
        for name in claim_names(view.stateful_set, ordinal).values():
            existing = cluster.cache(CLAIM).get((namespace_of(pod), name))
            if existing is None:
                continue
            foreign = [one for one in owners_of(existing) if one["kind"] not in ("StatefulSet", "Pod")]
            if [one["uid"] for one in owners_of(existing)] != [one["uid"] for one in (*foreign, *wanted)]:
                patch = {"metadata": {"ownerReferences": [*foreign, *wanted]}}
                await cluster.patch(CLAIM, existing, patch)


def status_of(view: View) -> dict[str, Any]:
    """The StatefulSet's status; a completed rolling update makes the update revision the current one."""
    spec, stored = view.stateful_set["spec"], view.stateful_set.get("status") or {}
    alive = [pod for pod in view.pods.values() if not is_deleting(pod)]
    min_ready_s = spec.get("minReadySeconds", 0)
    ready = sum(map(is_ready, view.pods.values()))
    updated = sum(revision_name(pod) == view.update_revision for pod in alive)
    current = sum(revision_name(pod) == view.current_revision for pod in alive)
    current_revision = view.current_revision
    rolling = view.strategy.get("type", "RollingUpdate") == "RollingUpdate"
    if rolling and updated == ready == len(view.pods):
        current, current_revision = updated, view.update_revision
    return {
        "observedGeneration": view.stateful_set["metadata"].get("generation", 1),
        "replicas": len(view.pods),
        "readyReplicas": ready,
        "availableReplicas": sum(is_available(pod, min_ready_s, view.now) for pod in view.pods.values()),
        "currentReplicas": current,
        "updatedReplicas": updated,
        "currentRevision": current_revision,
        "updateRevision": view.update_revision,
        "collisionCount": stored.get("collisionCount", 0),
    }
