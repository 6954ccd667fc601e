"""Deployment: the rollout that `kubectl rollout status` would wait for; Degraded past its progress
deadline.
"""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Health
from autostack.gitops.objects import Object, conditions, metadata


def assess(live: Object) -> Health:  # noqa: PLR0911 - one return for each state, in Argo CD's order
    """The Deployment's health."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if spec.get("paused"):
        return Health(SUSPENDED, "Deployment is paused")
    if metadata(live).get("generation", 0) > status.get("observedGeneration", 0):
        return Health(
            PROGRESSING,
            "Waiting for rollout to finish: observed deployment generation less than desired generation",
        )
    progressing = conditions(live).get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health(DEGRADED, f'Deployment "{metadata(live).get("name")}" exceeded its progress deadline')
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if updated < wanted:
        return Health(
            PROGRESSING,
            f"Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated...",
        )
    if total > updated:
        return Health(
            PROGRESSING,
            f"Waiting for rollout to finish: {total - updated} old replicas are pending termination...",
        )
    if available < updated:
        return Health(
            PROGRESSING,
            f"Waiting for rollout to finish: {available} of {updated} updated replicas are available...",
        )
    return Health(HEALTHY)
