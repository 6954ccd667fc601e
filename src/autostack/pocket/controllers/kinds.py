"""The built-in kinds that controllers read and write, each with its address in the API.

Stored objects in lists need not repeat their apiVersion and kind, so owner references and Events take
both from here. Kinds of custom resources are made at run time from their CustomResourceDefinition.
"""

from __future__ import annotations

from dataclasses import dataclass

from autostack.pocket.client import Resource


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind and the resource it is served as; `namespaced` is its scope."""

    resource: Resource
    name: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        group = self.resource.group
        return f"{group}/{self.resource.version}" if group else self.resource.version


def _kind(group: str, plural: str, name: str, *, version: str = "v1", namespaced: bool = True) -> Kind:
    return Kind(Resource(group, version, plural), name, namespaced)


POD = _kind("", "pods", "Pod")
NODE = _kind("", "nodes", "Node", namespaced=False)
NAMESPACE = _kind("", "namespaces", "Namespace", namespaced=False)
SERVICE = _kind("", "services", "Service")
ENDPOINTS = _kind("", "endpoints", "Endpoints")
EVENT = _kind("", "events", "Event")
CONFIG_MAP = _kind("", "configmaps", "ConfigMap")
SECRET = _kind("", "secrets", "Secret")
SERVICE_ACCOUNT = _kind("", "serviceaccounts", "ServiceAccount")
CLAIM = _kind("", "persistentvolumeclaims", "PersistentVolumeClaim")
VOLUME = _kind("", "persistentvolumes", "PersistentVolume", namespaced=False)
STORAGE_CLASS = _kind("storage.k8s.io", "storageclasses", "StorageClass", namespaced=False)
DEPLOYMENT = _kind("apps", "deployments", "Deployment")
REPLICA_SET = _kind("apps", "replicasets", "ReplicaSet")
STATEFUL_SET = _kind("apps", "statefulsets", "StatefulSet")
DAEMON_SET = _kind("apps", "daemonsets", "DaemonSet")
CONTROLLER_REVISION = _kind("apps", "controllerrevisions", "ControllerRevision")
JOB = _kind("batch", "jobs", "Job")
CRON_JOB = _kind("batch", "cronjobs", "CronJob")
ENDPOINT_SLICE = _kind("discovery.k8s.io", "endpointslices", "EndpointSlice")
AUTOSCALER = _kind("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", version="v2")
DISRUPTION_BUDGET = _kind("policy", "poddisruptionbudgets", "PodDisruptionBudget")
INGRESS = _kind("networking.k8s.io", "ingresses", "Ingress")
CUSTOM_RESOURCE = _kind(
    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
POD_METRICS = _kind("metrics.k8s.io", "pods", "PodMetrics", version="v1beta1")

# What may own or be owned, and so what namespace deletion empties and the garbage collector follows.
OWNED: tuple[Kind, ...] = (
    DEPLOYMENT,
    STATEFUL_SET,
    DAEMON_SET,
    CRON_JOB,
    JOB,
    REPLICA_SET,
    AUTOSCALER,
    DISRUPTION_BUDGET,
    INGRESS,
    SERVICE,
    POD,
    CLAIM,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    CONTROLLER_REVISION,
    _kind("networking.k8s.io", "networkpolicies", "NetworkPolicy"),
    _kind("rbac.authorization.k8s.io", "rolebindings", "RoleBinding"),
    _kind("rbac.authorization.k8s.io", "roles", "Role"),
    _kind("coordination.k8s.io", "leases", "Lease"),
    VOLUME,
    NODE,
    _kind("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _kind("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", namespaced=False),
    CUSTOM_RESOURCE,
)
