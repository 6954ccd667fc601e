"""What the server adds to an object, or refuses, before validation: by resource, like Kubernetes' admission
plugins.

Each function gets the core, the call and the new object (and the old one, in an update), changes the object
in place, and raises ApiError to refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autostack.pocket.apiserver import metadata
from autostack.pocket.apiserver.addresses import assign_cluster_ip
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.errors import Target, forbidden, not_found
from autostack.pocket.quantities import quantity
from autostack.pocket.store.journal import Key

Object = dict[str, Any]
Admit = Callable[[Core, Call, Object], None]
TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, not a secret
EVICTION_DELAY_S = 300
TOKEN_LIFETIME_S = 3607  # as Kubernetes writes it: an hour, and a mark that says the kubelet renews it
SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def namespace_is_open(core: Core, call: Call) -> None:
    """Refuse creation in a namespace that is missing (404) or terminating (403)."""
    if not call.kind.namespaced:
        return
    entry = core.store.get(Key("namespaces", "", call.namespace))
    if entry is None:
        raise not_found(Target("namespaces", "", "Namespace", call.namespace))
    if entry.object["metadata"].get("deletionTimestamp"):
        error = forbidden(
            call.target,
            f"unable to create new content in namespace {call.namespace} because it is being terminated",
        )
        error.details["causes"] = [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {call.namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ]
        raise error


def admit_pod(core: Core, call: Call, pod: Object) -> None:
    """Service account with its token volume, priority, and the tolerations that every pod has."""
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return
    account_name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account_name
    account = core.store.get(Key("serviceaccounts", call.namespace, account_name))
    if account is None:
        raise forbidden(call.target, f'error looking up service account {call.namespace}/{account_name}: '
                        f'serviceaccount "{account_name}" not found')  # fmt: skip
    automount = spec.get(
        "automountServiceAccountToken", account.object.get("automountServiceAccountToken", True)
    )
    if automount:
        _mount_token(spec)
    _set_priority(core, call, spec)
    _select_by_own_labels(pod, spec)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(
            toleration.get("key") in (key, None) and toleration.get("effect") in ("NoExecute", None)
            for toleration in tolerations
        ):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": EVICTION_DELAY_S,
                }
            )
    pod["status"] = {"phase": "Pending", "qosClass": quality_of_service(spec)}


def _mount_token(spec: Object) -> None:
    containers = [*spec.get("containers", []), *spec.get("initContainers", [])]
    unmounted = [
        container
        for container in containers
        if all(mount.get("mountPath") != TOKEN_MOUNT for mount in container.get("volumeMounts", []))
    ]
    if not unmounted:
        return
    name = metadata.generated_name("kube-api-access-")
    sources = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_LIFETIME_S, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
        ]}},
    ]  # fmt: skip
    spec.setdefault("volumes", []).append(
        {"name": name, "projected": {"defaultMode": 420, "sources": sources}}
    )
    for container in unmounted:
        mount = {"name": name, "readOnly": True, "mountPath": TOKEN_MOUNT}
        container.setdefault("volumeMounts", []).append(mount)


def _set_priority(core: Core, call: Call, spec: Object) -> None:
    name = spec.get("priorityClassName")
    chosen: Object
    if name in SYSTEM_PRIORITIES:
        chosen = {"value": SYSTEM_PRIORITIES[name]}
    elif name:
        entry = core.store.get(Key("priorityclasses.scheduling.k8s.io", "", name))
        if entry is None:
            raise forbidden(call.target, f"no PriorityClass with name {name} was found")
        chosen = entry.object
    else:
        classes = [entry.object for entry in core.store.entries("priorityclasses.scheduling.k8s.io")]
        chosen = next((found for found in classes if found.get("globalDefault")), {})
        if chosen.get("metadata"):
            spec["priorityClassName"] = str(chosen["metadata"]["name"])
    spec["priority"] = chosen.get("value", 0)
    spec.setdefault("preemptionPolicy", chosen.get("preemptionPolicy", "PreemptLowerPriority"))


def _select_by_own_labels(pod: Object, spec: Object) -> None:
    """Write matchLabelKeys and mismatchLabelKeys into the selectors, with the values of the pod's labels."""
    labels = pod["metadata"].get("labels") or {}
    for part in ("podAffinity", "podAntiAffinity"):
        rules = (spec.get("affinity") or {}).get(part) or {}
        weighted = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        for term in (
            *(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()),
            *(one["podAffinityTerm"] for one in weighted if "podAffinityTerm" in one),
        ):
            for keys, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
                for key in term.get(keys) or ():
                    if key in labels:
                        rule = {"key": key, "operator": operator, "values": [labels[key]]}
                        term.setdefault("labelSelector", {}).setdefault("matchExpressions", []).append(rule)


def quality_of_service(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort, by the containers' resources."""
    containers = [*spec.get("containers", []), *spec.get("initContainers", [])]
    resources = [container.get("resources") or {} for container in containers]
    if not any(found.get("limits") or found.get("requests") for found in resources):
        return "BestEffort"
    for found in resources:
        limits = found.get("limits") or {}
        requests = {**limits, **(found.get("requests") or {})}
        if any(name not in limits or limits[name] != requests[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def admit_service(core: Core, call: Call, service: Object) -> None:
    """A cluster address."""
    assign_cluster_ip(core, call, service)


def admit_job(core: Core, call: Call, job: Object) -> None:  # noqa: ARG001 - all admissions
    """A selector and labels by the job's uid, so that two jobs never share pods."""
    spec = job.get("spec")
    if not isinstance(spec, dict) or spec.get("manualSelector"):
        return
    uid = job["metadata"]["uid"]
    labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
    own = {"controller-uid": uid, "job-name": job["metadata"]["name"]}
    labels.update({**own, **{f"batch.kubernetes.io/{key}": value for key, value in own.items()}})
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    if not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)


def admit_namespace(core: Core, call: Call, namespace: Object) -> None:  # noqa: ARG001 - all admissions
    """Its own name as a label, by which selectors find it."""
    labels = namespace["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = namespace["metadata"]["name"]
    namespace["status"] = {"phase": "Active"}


def admit_claim(core: Core, call: Call, claim: Object) -> None:  # noqa: ARG001 - all admissions
    """The default StorageClass, when none is named."""
    spec = claim.get("spec")
    claim["status"] = {"phase": "Pending"}
    claim["metadata"].setdefault("finalizers", []).append("kubernetes.io/pvc-protection")
    claim["metadata"]["finalizers"] = sorted(set(claim["metadata"]["finalizers"]))
    if isinstance(spec, dict) and spec.get("storageClassName") is None:
        for entry in core.store.entries("storageclasses.storage.k8s.io"):
            annotations = entry.object["metadata"].get("annotations") or {}
            if annotations.get("storageclass.kubernetes.io/is-default-class") == "true":
                spec["storageClassName"] = entry.key.name


def admit_grown_claim(core: Core, call: Call, claim: Object) -> None:
    """A bound claim grows only where its class says that volumes can, and never shrinks."""
    entry = core.store.get(call.key)
    if entry is None:
        return
    try:
        asked, before = _storage_of(claim), _storage_of(entry.object)
    except ValueError:
        return  # validation tells it
    if asked < before:
        raise forbidden(call.target, "the requested storage can not be less than it was before")
    if asked > before:
        name = claim["spec"].get("storageClassName") or ""
        found = core.store.get(Key("storageclasses.storage.k8s.io", "", name))
        if found is None or not found.object.get("allowVolumeExpansion"):
            raise forbidden(
                call.target,
                "only dynamically provisioned pvc can be resized and the storageclass that provisions "
                "the pvc must support resize",
            )
        call.warnings.append("spec.resources: has no effect in a pocket cluster: a volume has no size")


def _storage_of(claim: Object) -> float:
    resources = (claim.get("spec") or {}).get("resources") or {}
    return quantity((resources.get("requests") or {}).get("storage", "0"))


def admit_secret(core: Core, call: Call, secret: Object) -> None:  # noqa: ARG001 - all admissions
    """Tell that nobody writes a token into it."""
    if secret.get("type") == "kubernetes.io/service-account-token":
        call.warnings.append(
            "no token is written into this Secret; use `kubectl create token` or a projected volume"
        )


def admit_policy(core: Core, call: Call, policy: Object) -> None:  # noqa: ARG001 - all admissions
    """Tell the client that nobody enforces it."""
    call.warnings.append(
        "NetworkPolicy is stored but not enforced: all pods of a pocket cluster share one loopback network"
    )


ON_CREATE: dict[str, Admit] = {
    "pods": admit_pod,
    "services": admit_service,
    "jobs.batch": admit_job,
    "namespaces": admit_namespace,
    "persistentvolumeclaims": admit_claim,
    "networkpolicies.networking.k8s.io": admit_policy,
    "secrets": admit_secret,
}
ON_UPDATE: dict[str, Admit] = {
    "namespaces": admit_namespace,
    "persistentvolumeclaims": admit_grown_claim,
    "services": admit_service,
    "networkpolicies.networking.k8s.io": admit_policy,
}
