"""HorizontalPodAutoscaler: Degraded when it cannot scale or cannot see its metrics."""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object, conditions

_DEGRADED = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "FailedComputeMetricsReplicas"),
    ("ScalingActive", "InvalidSelector"),
}


def assess(live: Object) -> Health:
    """The autoscaler's health."""
    found = conditions(live)
    for kind, condition in found.items():
        if (kind, condition.get("reason")) in _DEGRADED:
            return Health(DEGRADED, condition.get("message", ""))
    for kind in ("AbleToScale", "ScalingLimited"):
        if found.get(kind, {}).get("status") == "True":
            return Health(HEALTHY, found[kind].get("message", ""))
    return Health(PROGRESSING, "Waiting to Autoscale")
