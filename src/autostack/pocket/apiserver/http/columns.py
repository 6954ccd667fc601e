"""The columns that `kubectl get` shows, by resource: data, with a function where a cell is more than a
field. Pure.

A row is `Name | path or function | priority`; priority 1 columns are shown by `-o wide` only. Age and Name
are everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autostack.pocket.apiserver.http import cells

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its cell is a function of the object."""

    name: str
    cell: Callable[[Object], Any]
    wide: bool = False
    type: str = "string"
    format: str = ""


def at(path: str, default: Any = "") -> Callable[[Object], Any]:
    """A field's value."""
    parts = path.split(".")

    def read(obj: Object) -> Any:
        value: Any = obj
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    return read


def age_of(path: str) -> Callable[[Object], str]:
    """The time since a field's moment, as kubectl writes it."""
    return lambda obj: cells.age(at(path)(obj))


def text(name: str, cell: str | Callable[[Object], Any], default: Any = "") -> Column:
    """A column that is always shown."""
    return Column(name, at(cell, default) if isinstance(cell, str) else cell)


def number(name: str, path: str) -> Column:
    """A count, zero when absent."""
    return Column(name, at(path, 0), type="integer")


def wide(name: str, cell: str | Callable[[Object], Any], default: Any = "<none>") -> Column:
    """A column of the wide form."""
    return Column(name, at(cell, default) if isinstance(cell, str) else cell, wide=True)


NAME = Column("Name", at("metadata.name"), format="name")
AGE = Column("Age", age_of("metadata.creationTimestamp"))
WORKLOAD = (
    wide("Containers", cells.container_names),
    wide("Images", cells.images),
    wide("Selector", cells.selector),
)
ROLE_BINDING = (
    text("Role", lambda o: f"{o['roleRef']['kind']}/{o['roleRef']['name']}"),
    AGE,
    wide("Users", lambda o: cells.subjects(o, "User")),
    wide("Groups", lambda o: cells.subjects(o, "Group")),
    wide("ServiceAccounts", lambda o: cells.subjects(o, "ServiceAccount")),
)
CREATED = (Column("Created At", at("metadata.creationTimestamp"), type="date"),)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "pods": (
        text("Ready", cells.pod_ready),
        text("Status", cells.pod_status),
        text("Restarts", cells.pod_restarts),
        AGE,
        wide("IP", "status.podIP"),
        wide("Node", "spec.nodeName"),
        wide("Nominated Node", "status.nominatedNodeName"),
        wide("Readiness Gates", lambda _: "<none>"),
    ),
    "deployments.apps": (
        text("Ready", lambda o: f"{at('status.readyReplicas', 0)(o)}/{at('spec.replicas', 0)(o)}"),
        number("Up-to-date", "status.updatedReplicas"),
        number("Available", "status.availableReplicas"),
        AGE,
        *WORKLOAD,
    ),
    "replicasets.apps": (
        number("Desired", "spec.replicas"),
        number("Current", "status.replicas"),
        number("Ready", "status.readyReplicas"),
        AGE,
        *WORKLOAD,
    ),
    "statefulsets.apps": (
        text("Ready", lambda o: f"{at('status.readyReplicas', 0)(o)}/{at('spec.replicas', 0)(o)}"),
        AGE,
        *WORKLOAD[:2],
    ),
    "daemonsets.apps": (
        number("Desired", "status.desiredNumberScheduled"),
        number("Current", "status.currentNumberScheduled"),
        number("Ready", "status.numberReady"),
        number("Up-to-date", "status.updatedNumberScheduled"),
        number("Available", "status.numberAvailable"),
        text("Node Selector", lambda o: cells.labels(at("spec.template.spec.nodeSelector", {})(o))),
        AGE,
        *WORKLOAD,
    ),
    "controllerrevisions.apps": (text("Controller", cells.controller), number("Revision", "revision"), AGE),
    "jobs.batch": (
        text("Status", cells.job_status),
        text("Completions", cells.job_completions),
        text("Duration", cells.job_duration),
        AGE,
        *WORKLOAD,
    ),
    "cronjobs.batch": (
        text("Schedule", "spec.schedule"),
        text("Timezone", "spec.timeZone", "<none>"),
        Column("Suspend", lambda o: str(bool(at("spec.suspend")(o))), type="boolean"),
        Column("Active", lambda o: len(at("status.active", [])(o)), type="integer"),
        text(
            "Last Schedule",
            lambda o: (
                cells.age(at("status.lastScheduleTime")(o)) if at("status.lastScheduleTime")(o) else "<none>"
            ),
        ),
        AGE,
        wide("Containers", cells.container_names),
        wide("Images", cells.images),
        wide("Selector", lambda _: "<none>"),
    ),
    "services": (
        text("Type", "spec.type"),
        text("Cluster-IP", "spec.clusterIP", "<none>"),
        text(
            "External-IP",
            lambda o: at("spec.externalName")(o) or ",".join(at("spec.externalIPs", [])(o)) or "<none>",
        ),
        text("Port(s)", cells.service_ports),
        AGE,
        wide("Selector", lambda o: cells.labels(at("spec.selector", {})(o))),
    ),
    "endpoints": (text("Endpoints", cells.endpoints), AGE),
    "endpointslices.discovery.k8s.io": (
        text("AddressType", "addressType"),
        text("Ports", lambda o: ",".join(str(p.get("port", "*")) for p in o.get("ports") or ()) or "<unset>"),
        text(
            "Endpoints",
            lambda o: (
                ",".join(e["addresses"][0] for e in (o.get("endpoints") or ())[:3] if e.get("addresses"))
                or "<unset>"
            ),
        ),
        AGE,
    ),
    "configmaps": (
        Column("Data", lambda o: len(o.get("data") or {}) + len(o.get("binaryData") or {}), type="integer"),
        AGE,
    ),
    "secrets": (
        text("Type", "type"),
        Column("Data", lambda o: len(o.get("data") or {}), type="integer"),
        AGE,
    ),
    "serviceaccounts": (AGE,),
    "events": (
        text(
            "Last Seen",
            lambda o: cells.age(
                o.get("lastTimestamp") or o.get("eventTime") or at("metadata.creationTimestamp")(o)
            ),
        ),
        text("Type", "type"),
        text("Reason", "reason"),
        text("Object", lambda o: f"{at('involvedObject.kind')(o).lower()}/{at('involvedObject.name')(o)}"),
        wide("Subobject", "involvedObject.fieldPath", ""),
        wide(
            "Source",
            lambda o: ", ".join(
                filter(None, (at("source.component")(o) or at("reportingComponent")(o), at("source.host")(o)))
            ),
        ),
        text("Message", lambda o: str(o.get("message", "")).strip()),
        wide(
            "First Seen",
            lambda o: cells.age(
                o.get("firstTimestamp") or o.get("eventTime") or at("metadata.creationTimestamp")(o)
            ),
        ),
        wide("Count", lambda o: str(o.get("count") or 1)),
        wide("Name", "metadata.name"),
    ),
    "nodes": (
        text("Status", cells.node_status),
        text("Roles", cells.node_roles),
        AGE,
        text("Version", "status.nodeInfo.kubeletVersion"),
        wide("Internal-IP", lambda o: cells.node_address(o, "InternalIP")),
        wide("External-IP", lambda o: cells.node_address(o, "ExternalIP")),
        wide("OS-Image", "status.nodeInfo.osImage", "<unknown>"),
        wide("Kernel-Version", "status.nodeInfo.kernelVersion", "<unknown>"),
        wide("Container-Runtime", "status.nodeInfo.containerRuntimeVersion", "<unknown>"),
    ),
    "namespaces": (text("Status", "status.phase"), AGE),
    "persistentvolumes": (
        text("Capacity", "spec.capacity.storage"),
        text("Access Modes", lambda o: cells.access_modes(at("spec.accessModes", [])(o))),
        text("Reclaim Policy", "spec.persistentVolumeReclaimPolicy"),
        text("Status", "status.phase"),
        text(
            "Claim",
            lambda o: "/".join(filter(None, (at("spec.claimRef.namespace")(o), at("spec.claimRef.name")(o)))),
        ),
        text("StorageClass", "spec.storageClassName"),
        text("VolumeAttributesClass", "spec.volumeAttributesClassName", "<unset>"),
        text("Reason", "status.reason"),
        AGE,
        wide("VolumeMode", "spec.volumeMode", "<unset>"),
    ),
    "persistentvolumeclaims": (
        text(
            "Status",
            lambda o: "Terminating" if at("metadata.deletionTimestamp")(o) else at("status.phase")(o),
        ),
        text("Volume", "spec.volumeName"),
        text("Capacity", "status.capacity.storage"),
        text("Access Modes", lambda o: cells.access_modes(at("status.accessModes", [])(o))),
        text("StorageClass", "spec.storageClassName"),
        text("VolumeAttributesClass", "spec.volumeAttributesClassName", "<unset>"),
        AGE,
        wide("VolumeMode", "spec.volumeMode", "<unset>"),
    ),
    "storageclasses.storage.k8s.io": (
        text("Provisioner", "provisioner"),
        text("ReclaimPolicy", "reclaimPolicy"),
        text("VolumeBindingMode", "volumeBindingMode"),
        text("AllowVolumeExpansion", lambda o: str(bool(o.get("allowVolumeExpansion"))).lower()),
        AGE,
    ),
    "ingresses.networking.k8s.io": (
        text("Class", "spec.ingressClassName", "<none>"),
        text("Hosts", lambda o: ",".join(r.get("host") or "*" for r in at("spec.rules", [])(o)) or "*"),
        text(
            "Address",
            lambda o: ",".join(
                i.get("ip") or i.get("hostname") or "" for i in at("status.loadBalancer.ingress", [])(o)
            ),
        ),
        text("Ports", lambda o: "80, 443" if at("spec.tls")(o) else "80"),
        AGE,
    ),
    "ingressclasses.networking.k8s.io": (
        text("Controller", "spec.controller"),
        text("Parameters", "spec.parameters.name", "<none>"),
        AGE,
    ),
    "networkpolicies.networking.k8s.io": (
        text("Pod-Selector", lambda o: cells.labels(at("spec.podSelector.matchLabels", {})(o))),
        AGE,
    ),
    "horizontalpodautoscalers.autoscaling": (
        text(
            "Reference", lambda o: f"{at('spec.scaleTargetRef.kind')(o)}/{at('spec.scaleTargetRef.name')(o)}"
        ),
        text("Targets", cells.hpa_targets),
        text("MinPods", lambda o: str(at("spec.minReplicas", "<unset>")(o))),
        number("MaxPods", "spec.maxReplicas"),
        number("Replicas", "status.currentReplicas"),
        AGE,
    ),
    "poddisruptionbudgets.policy": (
        text("Min Available", lambda o: str(at("spec.minAvailable", "N/A")(o))),
        text("Max Unavailable", lambda o: str(at("spec.maxUnavailable", "N/A")(o))),
        number("Allowed Disruptions", "status.disruptionsAllowed"),
        AGE,
    ),
    "leases.coordination.k8s.io": (text("Holder", "spec.holderIdentity"), AGE),
    "rolebindings.rbac.authorization.k8s.io": ROLE_BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": ROLE_BINDING,
    "roles.rbac.authorization.k8s.io": CREATED,
    "clusterroles.rbac.authorization.k8s.io": CREATED,
    "customresourcedefinitions.apiextensions.k8s.io": CREATED,
    "priorityclasses.scheduling.k8s.io": (
        number("Value", "value"),
        text("Global-Default", lambda o: str(bool(o.get("globalDefault"))).lower()),
        AGE,
        text("PreemptionPolicy", "preemptionPolicy"),
    ),
}


def columns_of(storage: str) -> tuple[Column, ...]:
    """A resource's columns, the name first; Events have theirs elsewhere."""
    own = COLUMNS.get(storage, (AGE,))
    return own if storage == "events" else (NAME, *own)
