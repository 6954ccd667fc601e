"""ReplicaSet: as many active pods as `spec.replicas` says, the least useful ones leaving first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import claim, condition_set, in_growing_batches, its_claimants
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import POD, REPLICA_SET
from autostack.pocket.controllers.loop import Controller, itself
from autostack.pocket.controllers.meta import Key, is_deleting, labels_of, name_of, timestamp
from autostack.pocket.controllers.pods import (
    deletion_rank,
    is_active,
    is_available,
    is_ready,
    pod_of,
    soonest_available_s,
)
from autostack.pocket.errors import ApiError

BURST = 500


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""
    return Controller(
        "replicaset-controller",
        {REPLICA_SET: itself, POD: its_claimants(cluster, REPLICA_SET)},
        reconcile,
    )


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Claim, create or delete, then tell the state."""
    replica_set = cluster.cache(REPLICA_SET).get(key)
    if replica_set is None:
        return None
    pods = [pod for pod in await claim(cluster, REPLICA_SET, replica_set, POD) if is_active(pod)]
    failure = None
    if not is_deleting(replica_set):
        failure = await _scale(cluster, replica_set, pods)
    now = cluster.now()
    pods = [pod for pod in cluster.cache(POD).controlled_by(replica_set["metadata"]["uid"]) if is_active(pod)]
    latest = cluster.cache(REPLICA_SET).get(key)
    if latest is None:
        return None
    await cluster.set_status(REPLICA_SET, latest, status_of(replica_set, pods, failure, now))
    if failure is not None:
        raise failure
    return soonest_available_s(pods, replica_set["spec"].get("minReadySeconds", 0), now)


async def _scale(cluster: Cluster, replica_set: Object, pods: list[Object]) -> ApiError | None:
    missing = replica_set["spec"].get("replicas", 1) - len(pods)
    name = name_of(replica_set)

    async def create(_: int) -> None:
        pod = pod_of(replica_set["spec"]["template"], REPLICA_SET, replica_set, generateName=f"{name}-")
        made = await cluster.create(POD, pod)
        cluster.event(REPLICA_SET, replica_set, "Normal", "SuccessfulCreate", f"Created pod: {name_of(made)}")

    if missing > 0:
        failure = await in_growing_batches(min(missing, BURST), create)
        if failure is not None:
            message = f"Error creating: {failure.message}"
            cluster.event(REPLICA_SET, replica_set, "Warning", "FailedCreate", message)
        return failure
    now = cluster.now()
    for pod in sorted(pods, key=lambda one: deletion_rank(one, now))[: -missing or 0]:
        await cluster.delete(POD, pod)
        cluster.event(REPLICA_SET, replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
    return None


def status_of(
    replica_set: Object, pods: list[Object], failure: ApiError | None, now: datetime
) -> dict[str, Any]:
    """The ReplicaSet's status, from its active pods."""
    spec = replica_set["spec"]
    wanted = (spec["template"].get("metadata") or {}).get("labels") or {}
    conditions = [
        one
        for one in (replica_set.get("status") or {}).get("conditions") or []
        if one["type"] != "ReplicaFailure"
    ]
    if failure is not None:
        conditions = [
            dict(one)
            for one in condition_set(
                (replica_set.get("status") or {}).get("conditions") or [],
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": failure.message,
                    "lastTransitionTime": timestamp(now),
                },
            )
        ]
    counts = {
        "fullyLabeledReplicas": sum(wanted.items() <= labels_of(pod).items() for pod in pods),
        "readyReplicas": sum(map(is_ready, pods)),
        "availableReplicas": sum(is_available(pod, spec.get("minReadySeconds", 0), now) for pod in pods),
    }
    return {
        "replicas": len(pods),
        **{name: count for name, count in counts.items() if count},
        "observedGeneration": replica_set["metadata"].get("generation", 1),
        **({"conditions": conditions} if conditions else {}),
    }
