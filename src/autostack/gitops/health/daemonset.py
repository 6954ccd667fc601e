"""DaemonSet: a current and available pod on every node that should have one."""

from __future__ import annotations

from autostack.gitops.health.verdict import HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object, metadata


def assess(live: Object) -> Health:
    """The DaemonSet's health."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    name = metadata(live).get("name")
    if metadata(live).get("generation", 0) > status.get("observedGeneration", 0):
        return Health(
            PROGRESSING,
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        )
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return Health(HEALTHY, f"daemon set {updated} out of {wanted} new pods have been updated")
    if updated < wanted:
        return Health(
            PROGRESSING,
            (
                f'Waiting for daemon set "{name}" rollout to finish: {updated} out of '
                f"{wanted} new pods have been updated..."
            ),
        )
    available = status.get("numberAvailable", 0)
    if available < wanted:
        return Health(
            PROGRESSING,
            (
                f'Waiting for daemon set "{name}" rollout to finish: {available} of '
                f"{wanted} updated pods are available..."
            ),
        )
    return Health(HEALTHY)
