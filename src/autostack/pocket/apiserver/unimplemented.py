"""Fields of built-in kinds that this cluster does not act on, as data by definition name.

Nothing is ignored in silence: what would run as something else than was asked for is refused (422), what
runs all the same is stored with a Warning. Fields that are refused or told later (by the node, a controller
or the proxy) are not here. A test holds every field of every kind against these tables and the register of
what is implemented, so a new field of the API can't slip in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autostack.pocket.apiserver.schemas.walk import Part
from autostack.pocket.errors import FieldError


@dataclass(frozen=True, slots=True)
class Gap:
    """Why the field has no effect, and the values that ask for nothing. Empty values never do."""

    why: str
    harmless: tuple[Any, ...] = ()


CORE = "io.k8s.api.core.v1."
BATCH = "io.k8s.api.batch.v1."
CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
NO_OWNERS = Gap("every user of a pod is one user of the host")
NO_LSM = "the host's Linux security modules do not know pods"
NO_BALANCER = Gap("there are no node ports, load balancers or outside addresses; use an Ingress")
NO_DEVICES = Gap("there are no dynamic resources")
NO_SOURCE = Gap("new volumes are empty; copy the data with a Job")
NO_ATTRIBUTES = Gap("volumes are folders, which have no attributes")
NO_MOUNT_OPTIONS = Gap("volumes are folders of this machine")
ONE_BY_ONE = Gap("pods are scheduled one by one")
UNCONFINED = {"type": "Unconfined"}
SECURITY = {
    "seccompProfile": Gap(
        "no system calls are filtered; pods have no capabilities and can't gain any", (UNCONFINED,)
    ),
    "appArmorProfile": Gap(NO_LSM, (UNCONFINED,)),
    "seLinuxOptions": Gap(NO_LSM),
    "windowsOptions": Gap("the node runs Linux"),
}
BY_INDEX = Gap("failures are counted for the whole Job; use backoffLimit")

REFUSED: dict[str, dict[str, Gap]] = {
    CORE + "PodSpec": {
        "ephemeralContainers": Gap("cannot be set on create; use `kubectl exec`"),
        "resourceClaims": NO_DEVICES,
    },
    CORE + "Container": {"restartPolicyRules": Gap("containers restart by restartPolicy alone")},
    CORE + "ResourceRequirements": {"claims": NO_DEVICES},
    CORE + "PersistentVolumeClaimSpec": {
        "dataSource": NO_SOURCE,
        "dataSourceRef": NO_SOURCE,
        "volumeAttributesClassName": NO_ATTRIBUTES,
    },
    CORE + "PersistentVolumeSpec": {"volumeAttributesClassName": NO_ATTRIBUTES},
    CORE + "ServiceSpec": {
        "allocateLoadBalancerNodePorts": NO_BALANCER,
        "externalIPs": NO_BALANCER,
        "externalTrafficPolicy": NO_BALANCER,
        "healthCheckNodePort": NO_BALANCER,
        "loadBalancerClass": NO_BALANCER,
        "loadBalancerIP": NO_BALANCER,
        "loadBalancerSourceRanges": NO_BALANCER,
    },
    CORE + "ServicePort": {"nodePort": NO_BALANCER},
    BATCH + "JobSpec": {"backoffLimitPerIndex": BY_INDEX, "maxFailedIndexes": BY_INDEX},
    CRD + "CustomResourceDefinitionSpec": {
        "preserveUnknownFields": Gap(
            "must be false; use x-kubernetes-preserve-unknown-fields in the schema instead"
        )
    },
}
WARNED: dict[str, dict[str, Gap]] = {
    CORE + "PodSpec": {
        "evictionResponders": Gap("evictions ask disruption budgets alone"),
        "hostUsers": Gap("every container has a user namespace of its own"),
        "hostnameOverride": Gap("the host name follows hostname and the pod's name"),
        "os": Gap("the node runs Linux", ({"name": "linux"},)),
        "resources": Gap("limits hold for containers, not for the pod as a whole"),
        "schedulingGroup": ONE_BY_ONE,
        "setHostnameAsFQDN": Gap("the host name is the short one"),
    },
    CORE + "PodSecurityContext": {
        **SECURITY,
        "seLinuxChangePolicy": Gap(NO_LSM),
        "supplementalGroups": NO_OWNERS,
        "supplementalGroupsPolicy": NO_OWNERS,
    },
    CORE + "SecurityContext": {**SECURITY, "procMount": Gap("/proc is the sandbox's own", ("Default",))},
    CORE + "EmptyDirVolumeSource": {
        "mode": Gap("the folder is open to every user of the pod", (0o777,)),
        "sizeLimit": Gap("the size of a folder is not limited"),
    },
    CORE + "ConfigMapVolumeSource": {"defaultUser": NO_OWNERS},
    CORE + "DownwardAPIVolumeFile": {"user": NO_OWNERS},
    CORE + "DownwardAPIVolumeSource": {"defaultUser": NO_OWNERS},
    CORE + "KeyToPath": {"user": NO_OWNERS},
    CORE + "ProjectedVolumeSource": {"defaultUser": NO_OWNERS},
    CORE + "SecretVolumeSource": {"defaultUser": NO_OWNERS},
    CORE + "ServiceAccountTokenProjection": {"user": NO_OWNERS},
    CORE + "VolumeMount": {
        "bindMountOptions": Gap("mounts have nosuid and nodev always, noexec never"),
        "mountPropagation": Gap("mounts do not propagate", ("None",)),
    },
    CORE + "HTTPGetAction": {"protocol": Gap("probes speak HTTP/1.1")},
    CORE + "TopologySpreadConstraint": {"minDomains": Gap("there is one node", (1,))},
    CORE + "PersistentVolumeSpec": {"mountOptions": NO_MOUNT_OPTIONS},
    CORE + "NodeSpec": {
        "configSource": Gap("the node is configured by `autostack cluster start`"),
        "podPreemptionPolicy": Gap("pods are not preempted"),
    },
    CORE + "Endpoints": {
        "subsets": Gap("Services are routed by EndpointSlices; nothing is mirrored from Endpoints")
    },
    BATCH + "JobSpec": {"scheduling": ONE_BY_ONE},
    "io.k8s.api.apps.v1.RollingUpdateDaemonSet": {
        "maxSurge": Gap("there is one pod a node; maxUnavailable is used", ("0%",))
    },
    "io.k8s.api.coordination.v1.LeaseSpec": {
        "preferredHolder": Gap("holders choose among themselves"),
        "strategy": Gap("holders choose among themselves"),
    },
    "io.k8s.api.networking.v1.IngressClassSpec": {"parameters": Gap("Traefik reads none")},
    "io.k8s.api.storage.v1.StorageClass": {
        "allowVolumeExpansion": Gap("volumes are folders without a size"),
        "allowedTopologies": Gap("there is one node"),
        "mountOptions": NO_MOUNT_OPTIONS,
        "parameters": Gap("a volume is a folder below the cluster's own"),
    },
}


def _asked(part: Part, table: dict[str, dict[str, Gap]]) -> Iterator[tuple[str, str]]:
    """Paths of the fields that ask for something, and why they have no effect."""
    for name, gap in table.get(part.definition, {}).items():
        value = part.value.get(name)
        if value and value not in gap.harmless:
            yield f"{part.path}.{name}" if part.path else name, gap.why


def refusals(part: Part) -> Iterator[FieldError]:
    """Fields of one part that the request is refused for."""
    for path, why in _asked(part, REFUSED):
        yield FieldError(path, why, "Forbidden")


def warnings(part: Part) -> Iterator[str]:
    """What the client is told of fields of one part that have no effect."""
    for path, why in _asked(part, WARNED):
        yield f"{path}: has no effect in a pocket cluster: {why}"
