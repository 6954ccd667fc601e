"""What values are allowed where, as data by definition name: enumerations, ranges, lists that must not be
empty.

Together with `semantics` (rules that compare fields) and `immutability` (what may change) this is the
validation of built-in kinds; it covers what a wrong manifest gets wrong in practice, not every rule of the
API reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autostack.pocket.apiserver.schemas.walk import Part
from autostack.pocket.errors import FieldError

CORE = "io.k8s.api.core.v1."
APPS = "io.k8s.api.apps.v1."
BATCH = "io.k8s.api.batch.v1."
AUTOSCALING = "io.k8s.api.autoscaling.v2."
TAINTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
PROTOCOLS = ("SCTP", "TCP", "UDP")
ENUMS: dict[str, dict[str, tuple[str, ...]]] = {
    CORE + "PodSpec": {
        "restartPolicy": ("Always", "OnFailure", "Never"),
        "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    },
    CORE + "Container": {
        "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
        "terminationMessagePolicy": ("FallbackToLogsOnError", "File"),
    },
    CORE + "ContainerPort": {"protocol": PROTOCOLS},
    CORE + "HTTPGetAction": {"scheme": ("HTTP", "HTTPS")},
    CORE + "ServiceSpec": {
        "type": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
        "sessionAffinity": ("ClientIP", "None"),
        "ipFamilyPolicy": ("PreferDualStack", "RequireDualStack", "SingleStack"),
    },
    CORE + "ServicePort": {"protocol": PROTOCOLS},
    CORE + "Toleration": {"operator": ("Equal", "Exists"), "effect": ("", *TAINTS)},
    CORE + "Taint": {"effect": TAINTS},
    CORE + "NodeSelectorRequirement": {"operator": ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")},
    CORE + "TopologySpreadConstraint": {"whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway")},
    CORE + "PersistentVolumeClaimSpec": {"volumeMode": ("Block", "Filesystem")},
    CORE + "Event": {"type": ("", "Normal", "Warning")},
    APPS + "DeploymentStrategy": {"type": ("Recreate", "RollingUpdate")},
    APPS + "StatefulSetUpdateStrategy": {"type": ("OnDelete", "RollingUpdate")},
    APPS + "DaemonSetUpdateStrategy": {"type": ("OnDelete", "RollingUpdate")},
    APPS + "StatefulSetSpec": {"podManagementPolicy": ("OrderedReady", "Parallel")},
    BATCH + "CronJobSpec": {"concurrencyPolicy": ("Allow", "Forbid", "Replace")},
    BATCH + "JobSpec": {"completionMode": ("NonIndexed", "Indexed")},
    BATCH + "PodFailurePolicyRule": {"action": ("Count", "FailJob", "Ignore")},
    BATCH + "PodFailurePolicyOnExitCodesRequirement": {"operator": ("In", "NotIn")},
    "io.k8s.api.networking.v1.HTTPIngressPath": {"pathType": ("Exact", "ImplementationSpecific", "Prefix")},
    "io.k8s.api.discovery.v1.EndpointSlice": {"addressType": ("FQDN", "IPv4", "IPv6")},
    "io.k8s.api.storage.v1.StorageClass": {
        "volumeBindingMode": ("Immediate", "WaitForFirstConsumer"),
        "reclaimPolicy": ("Delete", "Recycle", "Retain"),
    },
    "io.k8s.api.policy.v1.PodDisruptionBudgetSpec": {
        "unhealthyPodEvictionPolicy": ("AlwaysAllow", "IfHealthyBudget"),
    },
    AUTOSCALING + "HPAScalingRules": {"selectPolicy": ("Disabled", "Max", "Min")},
    AUTOSCALING + "HPAScalingPolicy": {"type": ("Percent", "Pods")},
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement": {
        "operator": ("DoesNotExist", "Exists", "In", "NotIn"),
    },
    "io.k8s.api.rbac.v1.Subject": {"kind": ("Group", "ServiceAccount", "User")},
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec": {
        "scope": ("Cluster", "Namespaced"),
    },
}
PORT = (1, 65535)
COUNT = (0, 2**31 - 1)
POSITIVE = (1, 2**31 - 1)
RANGES: dict[str, dict[str, tuple[int, int]]] = {
    CORE + "PodSpec": {"activeDeadlineSeconds": POSITIVE},
    CORE + "ContainerPort": {"containerPort": (0, 65535), "hostPort": (0, 65535)},
    CORE + "ServicePort": {"port": PORT},
    CORE + "HTTPGetAction": {"port": PORT},
    CORE + "TCPSocketAction": {"port": PORT},
    CORE + "Probe": {
        "initialDelaySeconds": COUNT,
        "periodSeconds": COUNT,
        "timeoutSeconds": COUNT,
        "successThreshold": COUNT,
        "failureThreshold": COUNT,
    },
    CORE + "PodSecurityContext": {"runAsUser": COUNT, "runAsGroup": COUNT, "fsGroup": COUNT},
    CORE + "SecurityContext": {"runAsUser": COUNT, "runAsGroup": COUNT},
    CORE + "ServiceAccountTokenProjection": {"expirationSeconds": (600, 2**32)},
    APPS + "DeploymentSpec": {
        "replicas": COUNT,
        "minReadySeconds": COUNT,
        "revisionHistoryLimit": COUNT,
        "progressDeadlineSeconds": COUNT,
    },
    APPS + "ReplicaSetSpec": {"replicas": COUNT, "minReadySeconds": COUNT},
    APPS + "StatefulSetSpec": {"replicas": COUNT, "minReadySeconds": COUNT, "revisionHistoryLimit": COUNT},
    APPS + "DaemonSetSpec": {"minReadySeconds": COUNT, "revisionHistoryLimit": COUNT},
    BATCH + "JobSpec": {
        "parallelism": COUNT,
        "completions": COUNT,
        "backoffLimit": COUNT,
        "activeDeadlineSeconds": COUNT,
        "ttlSecondsAfterFinished": COUNT,
    },
    BATCH + "CronJobSpec": {
        "startingDeadlineSeconds": COUNT,
        "successfulJobsHistoryLimit": COUNT,
        "failedJobsHistoryLimit": COUNT,
    },
    AUTOSCALING + "HPAScalingRules": {"stabilizationWindowSeconds": (0, 3600)},
    AUTOSCALING + "HPAScalingPolicy": {"value": POSITIVE, "periodSeconds": (1, 1800)},
    AUTOSCALING + "HorizontalPodAutoscalerSpec": {"minReplicas": COUNT},
    "io.k8s.api.autoscaling.v1.ScaleSpec": {"replicas": COUNT},
}
# What must be there and not be empty, with what Kubernetes says of it.
FILLED: dict[str, dict[str, str]] = {
    CORE + "PodSpec": {"containers": ""},
    CORE + "Container": {"name": "", "image": ""},
    CORE + "ContainerPort": {"containerPort": ""},
    CORE + "PersistentVolumeClaimSpec": {"accessModes": "at least 1 access mode is required"},
    BATCH + "CronJobSpec": {"schedule": ""},
    "io.k8s.api.rbac.v1.PolicyRule": {"verbs": "verbs must contain at least one value"},
    "io.k8s.api.networking.v1.HTTPIngressRuleValue": {"paths": ""},
}
LOWER_BOUND = "must be greater than or equal to 0"


def errors(part: Part) -> Iterator[FieldError]:
    """What is wrong with one part by the tables."""
    prefix = f"{part.path}." if part.path else ""
    for name, allowed in ENUMS.get(part.definition, {}).items():
        value = part.value.get(name)
        if value is not None and value not in allowed:
            choices = ", ".join(f'"{choice}"' for choice in allowed)
            yield FieldError(prefix + name, f"supported values: {choices}", "Unsupported value", value)
    for name, bounds in RANGES.get(part.definition, {}).items():
        yield from _range_errors(prefix + name, part.value.get(name), bounds)
    for name, said in FILLED.get(part.definition, {}).items():
        if not part.value.get(name):
            yield FieldError(prefix + name, said, "Required value")


def _range_errors(path: str, value: Any, bounds: tuple[int, int]) -> Iterator[FieldError]:
    low, high = bounds
    if not isinstance(value, int) or low <= value <= high:
        return
    if low == 0 and value < 0:
        yield FieldError(path, LOWER_BOUND, value=value)
    else:
        yield FieldError(path, f"must be between {max(low, 1)} and {high}, inclusive", value=value)
