"""Health of a live object, as Argo CD assesses it: object in, verdict out, one module a kind.

A kind that has no assessment (ConfigMap, Role, …) has no health and never holds up a sync.
"""

from __future__ import annotations

from collections.abc import Callable

from autostack.gitops.health import (
    application,
    cronjob,
    daemonset,
    deployment,
    horizontalpodautoscaler,
    ingress,
    job,
    persistentvolumeclaim,
    pod,
    poddisruptionbudget,
    replicaset,
    service,
    statefulset,
)
from autostack.gitops.health.verdict import PROGRESSING, Health
from autostack.gitops.objects import Object, group_of, is_being_deleted

_ASSESSMENTS: dict[tuple[str, str], Callable[[Object], Health]] = {
    ("", "Pod"): pod.assess,
    ("", "Service"): service.assess,
    ("", "PersistentVolumeClaim"): persistentvolumeclaim.assess,
    ("apps", "Deployment"): deployment.assess,
    ("apps", "ReplicaSet"): replicaset.assess,
    ("apps", "StatefulSet"): statefulset.assess,
    ("apps", "DaemonSet"): daemonset.assess,
    ("batch", "Job"): job.assess,
    ("batch", "CronJob"): cronjob.assess,
    ("networking.k8s.io", "Ingress"): ingress.assess,
    ("autoscaling", "HorizontalPodAutoscaler"): horizontalpodautoscaler.assess,
    ("policy", "PodDisruptionBudget"): poddisruptionbudget.assess,
    ("argoproj.io", "Application"): application.assess,
}


def assess(live: Object) -> Health | None:
    """The object's health; None for a kind that has none."""
    if is_being_deleted(live):
        return Health(PROGRESSING, "Pending deletion")
    assessment = _ASSESSMENTS.get((group_of(live), live.get("kind", "")))
    return None if assessment is None else assessment(live)
