"""ReplicaSet: enough available replicas, and none that cannot be created."""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object, conditions, metadata


def assess(live: Object) -> Health:
    """The ReplicaSet's health."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if metadata(live).get("generation", 0) > status.get("observedGeneration", 0):
        return Health(
            PROGRESSING,
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        )
    failure = conditions(live).get("ReplicaFailure", {})
    if failure.get("status") == "True":
        return Health(DEGRADED, failure.get("message", ""))
    wanted, available = spec.get("replicas", 1), status.get("availableReplicas", 0)
    if available < wanted:
        return Health(
            PROGRESSING,
            f"Waiting for rollout to finish: {available} out of {wanted} new replicas are available...",
        )
    return Health(HEALTHY)
