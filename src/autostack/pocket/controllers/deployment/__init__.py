"""Deployment: moves its pods from one template to the next through hash-named ReplicaSets.

Every decision is made in pure modules from the Deployment and its ReplicaSets; this one looks them up,
performs the one next step, and tells the status. It never looks at pods, except that Recreate waits for the
old ones to be gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import claim, its_claimants
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.deployment import progress, revisions, rolling
from autostack.pocket.controllers.deployment.rollout import REVISION, Rollout, plain_template, spec_replicas
from autostack.pocket.controllers.kinds import DEPLOYMENT, POD, REPLICA_SET
from autostack.pocket.controllers.loop import Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    annotations_of,
    condition,
    controller_of,
    is_controlled_by,
    is_deleting,
    name_of,
    namespace_of,
    uid_of,
    with_metadata,
)
from autostack.pocket.controllers.pods import is_finished
from autostack.pocket.errors import ApiError


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""

    def recreated(pod: Object) -> Iterable[Key]:
        owner = controller_of(pod)
        replica_set = owner and cluster.cache(REPLICA_SET).get((namespace_of(pod), owner["name"]))
        owner = controller_of(replica_set) if replica_set else None
        key = (namespace_of(pod), owner["name"]) if owner else None
        deployment = cluster.cache(DEPLOYMENT).get(key) if key else None
        if key is None or deployment is None or Rollout.of(deployment, ()).is_rolling:
            return ()
        return (key,)

    watches = {
        DEPLOYMENT: itself,
        REPLICA_SET: its_claimants(cluster, DEPLOYMENT),
        POD: recreated,
    }
    return Controller("deployment-controller", watches, reconcile)


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """One step of the rollout."""
    deployment = cluster.cache(DEPLOYMENT).get(key)
    if deployment is None:
        return None
    rollout = Rollout.of(deployment, await claim(cluster, DEPLOYMENT, deployment, REPLICA_SET))
    if is_deleting(deployment):
        return await _tell(cluster, rollout, rolling_out=False)
    paused = progress.pause_condition(deployment, cluster.now())
    if paused is not None:
        status = deployment.get("status") or {}
        conditions = progress.merged(progress.conditions_of(deployment), paused)
        deployment = await cluster.set_status(DEPLOYMENT, deployment, {**status, "conditions": conditions})
        rollout = Rollout(deployment, rollout.new, rollout.old)
    if deployment["spec"].get("paused") or rolling.is_scaling_event(rollout):
        rollout = await _keep_revision(cluster, rollout, create=False)
        await _scale(cluster, rollout, rolling.proportional(rollout))
        if deployment["spec"].get("paused"):
            await _forget_history(cluster, rollout)
        return await _tell(cluster, _fresh(cluster, rollout), rolling_out=False)
    return await (_roll(cluster, rollout) if rollout.is_rolling else _recreate(cluster, rollout))


async def _roll(cluster: Cluster, rollout: Rollout) -> float | None:
    rollout = await _keep_revision(cluster, rollout, create=True)
    if not await _scale(cluster, rollout, rolling.next_step(rollout)):
        await _finish(cluster, rollout)
    return await _tell(cluster, _fresh(cluster, rollout), rolling_out=True)


async def _recreate(cluster: Cluster, rollout: Rollout) -> float | None:
    rollout = await _keep_revision(cluster, rollout, create=False)
    scaled = await _scale(cluster, rollout, rolling.all_old_to_zero(rollout))
    pods = (pod for one in rollout.old for pod in cluster.cache(POD).controlled_by(uid_of(one)))
    if not scaled and all(map(is_finished, pods)):
        rollout = await _keep_revision(cluster, rollout, create=True)
        if not await _scale(cluster, rollout, rolling.next_step(rollout)):
            await _finish(cluster, rollout)
    return await _tell(cluster, _fresh(cluster, rollout), rolling_out=True)


async def _finish(cluster: Cluster, rollout: Rollout) -> None:
    if progress.is_complete(rollout, progress.counters(rollout, cluster.now())):
        await _forget_history(cluster, rollout)


async def _forget_history(cluster: Cluster, rollout: Rollout) -> None:
    for one in revisions.expired(rollout):
        await cluster.delete(REPLICA_SET, one)


def _fresh(cluster: Cluster, rollout: Rollout) -> Rollout:
    """The rollout as our own writes have left it."""
    deployment = cluster.cache(DEPLOYMENT).get(
        (namespace_of(rollout.deployment), name_of(rollout.deployment))
    )
    owned = cluster.cache(REPLICA_SET).controlled_by(uid_of(rollout.deployment))
    return Rollout.of(deployment or rollout.deployment, owned)


async def _keep_revision(cluster: Cluster, rollout: Rollout, *, create: bool) -> Rollout:
    """Find or make the new ReplicaSet, and keep its annotations and the Deployment's revision right."""
    new = rollout.new
    if new is None and not create:
        return rollout
    if new is None:
        new = await _create(cluster, rollout)
    else:
        annotations = revisions.new_annotations(rollout, new)
        min_ready = rollout.deployment["spec"].get("minReadySeconds", 0)
        if annotations != annotations_of(new) or new["spec"].get("minReadySeconds", 0) != min_ready:
            changed = with_metadata(new, annotations=annotations)
            new = await cluster.update(
                REPLICA_SET, {**changed, "spec": {**new["spec"], "minReadySeconds": min_ready}}
            )
    deployment = rollout.deployment
    revision = annotations_of(new)[REVISION]
    if annotations_of(deployment).get(REVISION) != revision:
        annotations = {**annotations_of(deployment), REVISION: revision}
        deployment = await cluster.update(DEPLOYMENT, with_metadata(deployment, annotations=annotations))
    if rollout.new is None or condition(deployment, "Progressing") is None:
        deployment = await _tell_found(cluster, deployment, new, created=rollout.new is None)
    return Rollout(deployment, new, rollout.old)


async def _tell_found(cluster: Cluster, deployment: Object, new: Object, *, created: bool) -> Object:
    if progress.deadline_s(deployment) is None:
        return deployment
    verb, reason = ("Created new", progress.NEW_CREATED) if created else ("Found new", progress.FOUND)
    told = f'{verb} replica set "{name_of(new)}"'
    fresh = progress.make_condition("Progressing", "True", reason, told, cluster.now())
    conditions = progress.merged(progress.conditions_of(deployment), fresh)
    status = {**(deployment.get("status") or {}), "conditions": conditions}
    return await cluster.set_status(DEPLOYMENT, deployment, status)


async def _create(cluster: Cluster, rollout: Rollout) -> Object:
    replica_set = revisions.new_replica_set(rollout, rolling.new_size(rollout, 0))
    try:
        made = await cluster.create(REPLICA_SET, replica_set)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            await _tell_refused(cluster, rollout, error)
            raise
        return await _resolve_collision(cluster, rollout, replica_set, error)
    count = spec_replicas(made)
    if count:
        _tell_scaled(cluster, rollout.deployment, made, 0, count)
    return made


async def _tell_refused(cluster: Cluster, rollout: Rollout, error: ApiError) -> None:
    deployment, message = rollout.deployment, f"Failed to create new replica set: {error.message}"
    cluster.event(DEPLOYMENT, deployment, "Warning", "ReplicaSetCreateError", message)
    if progress.deadline_s(deployment) is not None:
        fresh = progress.make_condition(
            "Progressing", "False", "ReplicaSetCreateError", message, cluster.now()
        )
        conditions = progress.merged(progress.conditions_of(deployment), fresh)
        status = {**(deployment.get("status") or {}), "conditions": conditions}
        await cluster.set_status(DEPLOYMENT, deployment, status)


async def _resolve_collision(
    cluster: Cluster, rollout: Rollout, replica_set: Object, error: ApiError
) -> Object:
    """The name is taken: by our own ReplicaSet of this template, or by another, and then the hash must
    change.
    """
    deployment = rollout.deployment
    holder = await cluster.client.get(REPLICA_SET.resource, name_of(replica_set), namespace_of(deployment))
    template = plain_template(holder["spec"]["template"])
    if is_controlled_by(holder, deployment) and template == plain_template(deployment["spec"]["template"]):
        return holder
    status = deployment.get("status") or {}
    collisions = status.get("collisionCount", 0) + 1
    await cluster.set_status(DEPLOYMENT, deployment, {**status, "collisionCount": collisions})
    raise error


async def _scale(cluster: Cluster, rollout: Rollout, steps: list[rolling.Scale]) -> bool:
    """Give the ReplicaSets their sizes; whether any changed."""
    changed = False
    for step in steps:
        before = spec_replicas(step.replica_set)
        annotations = {**annotations_of(step.replica_set), **revisions.size_annotations(rollout)}
        if before == step.replicas and annotations == annotations_of(step.replica_set):
            continue
        resized = {**step.replica_set, "spec": {**step.replica_set["spec"], "replicas": step.replicas}}
        await cluster.update(REPLICA_SET, with_metadata(resized, annotations=annotations))
        if before != step.replicas:
            _tell_scaled(cluster, rollout.deployment, step.replica_set, before, step.replicas)
            changed = True
    return changed


def _tell_scaled(cluster: Cluster, deployment: Object, replica_set: Object, before: int, after: int) -> None:
    way = "up" if after > before else "down"
    message = f"Scaled {way} replica set {name_of(replica_set)} from {before} to {after}"
    cluster.event(DEPLOYMENT, deployment, "Normal", "ScalingReplicaSet", message)


async def _tell(cluster: Cluster, rollout: Rollout, *, rolling_out: bool) -> float | None:
    now = cluster.now()
    status = progress.status_of(rollout, now) if rolling_out else progress.counters(rollout, now)
    deployment = await cluster.set_status(DEPLOYMENT, rollout.deployment, status)
    return progress.overdue_in_s(deployment, now)
