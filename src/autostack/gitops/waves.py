"""The order of a sync: phase, then wave, then kind, then name; data and one comparison.

Pruning goes through the waves backwards, so that what was created first is removed last.
"""

from __future__ import annotations

from autostack.gitops.errors import SpecError
from autostack.gitops.objects import SYNC_WAVE, Object, ObjectKey, annotations_of, key_of

PHASES = ("PreSync", "Sync", "PostSync", "SyncFail")

# What others need comes first; kinds that are not listed (custom resources) come last.
KIND_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_RANK = {kind: rank for rank, kind in enumerate(KIND_ORDER)}


def wave_of(obj: Object) -> int:
    """The sync wave, 0 by default; one that is not a whole number is an error, not a default."""
    text = annotations_of(obj).get(SYNC_WAVE)
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError as error:
        key = key_of(obj)
        raise SpecError(
            f"{key.kind} {key.name}: annotation {SYNC_WAVE} must be a whole number, not {text!r}"
        ) from error


def position(phase: str, wave: int, key: ObjectKey) -> tuple[int, int, int, str, str]:
    """The sort key of a task."""
    return PHASES.index(phase), wave, _RANK.get(key.kind, len(KIND_ORDER)), key.namespace, key.name


def pruning_waves(waves: list[int]) -> dict[int, int]:
    """For each wave of the objects to prune the wave in which they are pruned: the same waves, mirrored."""
    ordered = sorted(set(waves))
    return dict(zip(ordered, reversed(ordered), strict=True))
