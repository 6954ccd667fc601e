"""PodDisruptionBudget: Degraded when the controller cannot work it out; too few pods is a legitimate
state.
"""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object, conditions


def assess(live: Object) -> Health:
    """The budget's health."""
    verdict = Health(PROGRESSING, "Waiting for status")
    for condition in conditions(live).values():
        reason = condition.get("reason", "")
        if condition.get("status") == "False" and reason != "InsufficientPods":
            return Health(DEGRADED, f"PodDisruptionBudget has {reason}")
        verdict = Health(HEALTHY, f"PodDisruptionBudget has {reason}")
    return verdict
