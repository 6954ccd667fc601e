"""Default values, as data by definition name: what a client leaves out is written down before it is stored.

So everyone who reads an object sees what will really happen. The values are those of the API reference; a
callable gets the part and fills it in where the default depends on something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autostack.pocket.apiserver.schemas import Schema, resolve
from autostack.pocket.apiserver.schemas.walk import parts
from autostack.pocket.quantities import MILLI, canonical

Part = dict[str, Any]
MODE = {"defaultMode": 420}


def pull_policy(container: Part) -> str:
    """Always for `latest` or no tag, otherwise IfNotPresent."""
    image = str(container.get("image", ""))
    tagged = ":" in image.rsplit("/", 1)[-1] or "@" in image
    return "IfNotPresent" if tagged and not image.endswith(":latest") else "Always"


def requests_from_limits(container: Part) -> dict[str, Any]:
    """A limit without a request is also the request."""
    resources: dict[str, Any] = container.get("resources", {})
    if "limits" not in resources:
        return resources
    return {**resources, "requests": {**resources["limits"], **resources.get("requests", {})}}


def volume_source(volume: Part) -> None:
    """A volume without a source is an emptyDir."""
    if len(volume) == 1 and "name" in volume:
        volume["emptyDir"] = {}


def grace_period(spec: Part) -> None:
    """A negative one is the shortest."""
    if spec["terminationGracePeriodSeconds"] < 0:
        spec["terminationGracePeriodSeconds"] = 1


def probe_numbers(probe: Part) -> None:
    """Zero says nothing."""
    for name, number in PROBE_NUMBERS.items():
        probe[name] = probe.get(name) or number


def whole_millis(resources: Part) -> None:
    """Nothing is counted more finely than by the thousandth."""
    for field in ("limits", "requests"):
        for name, amount in resources.get(field, {}).items():
            resources[field][name] = canonical(str(amount), MILLI)


def born_status(status: Part) -> Callable[[Part], None]:
    """What a status says before anybody looked."""

    def fill(obj: Part) -> None:
        obj.setdefault("status", _fresh(status))

    return fill


def rolling(max_surge: Any, max_unavailable: Any) -> Callable[[Part], None]:
    """The strategy RollingUpdate with its two numbers."""

    def fill(strategy: Part) -> None:
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            update = strategy.setdefault("rollingUpdate", {})
            update.setdefault("maxSurge", max_surge)
            update.setdefault("maxUnavailable", max_unavailable)

    return fill


def stateful_strategy(strategy: Part) -> None:
    """RollingUpdate from ordinal 0."""
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)


def job_counts(spec: Part) -> None:
    """One completion by one pod, unless one of the numbers is given."""
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)


def subject_group(subject: Part) -> None:
    """Users and groups are in the RBAC group."""
    if subject.get("kind") in ("User", "Group"):
        subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def hpa_metrics(spec: Part) -> None:
    """80 % CPU when no metric is named."""
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def crd_names(names: Part) -> None:
    """Singular and list kind follow from the kind."""
    if isinstance(names.get("kind"), str):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")


def secret_data(secret: Part) -> None:
    """stringData is written into data and not kept."""
    import base64  # noqa: PLC0415 - Secrets only

    for key, text in secret.pop("stringData", {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(str(text).encode()).decode()


CORE = "io.k8s.api.core.v1."
APPS = "io.k8s.api.apps.v1."
BATCH = "io.k8s.api.batch.v1."
RBAC = "io.k8s.api.rbac.v1."
DEFAULTS: dict[str, dict[str, Any]] = {
    CORE + "PodSpec": {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
    },
    CORE + "Container": {
        "imagePullPolicy": pull_policy,
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    },
    CORE + "ContainerPort": {"protocol": "TCP"},
    CORE + "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    CORE + "GRPCAction": {"service": ""},
    CORE + "ObjectFieldSelector": {"apiVersion": "v1"},
    CORE + "ResourceFieldSelector": {"divisor": "0"},
    CORE + "SecretVolumeSource": MODE,
    CORE + "ConfigMapVolumeSource": MODE,
    CORE + "DownwardAPIVolumeSource": MODE,
    CORE + "ProjectedVolumeSource": MODE,
    CORE + "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    CORE + "HostPathVolumeSource": {"type": ""},
    CORE + "ServiceSpec": {
        "type": "ClusterIP",
        "sessionAffinity": "None",
    },
    CORE + "ServicePort": {"protocol": "TCP", "targetPort": lambda port: port.get("port")},
    CORE + "EndpointPort": {"protocol": "TCP"},
    CORE + "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    CORE + "PersistentVolumeSpec": {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"},
    CORE + "Secret": {"type": "Opaque"},
    CORE + "NamespaceSpec": {"finalizers": ["kubernetes"]},
    APPS + "DeploymentSpec": {
        "replicas": 1,
        "strategy": {},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    },
    APPS + "ReplicaSetSpec": {"replicas": 1},
    APPS + "StatefulSetSpec": {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {},
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    APPS + "DaemonSetSpec": {"updateStrategy": {}, "revisionHistoryLimit": 10},
    BATCH + "JobSpec": {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": lambda spec: (
            "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
        ),
    },
    BATCH + "CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "io.k8s.api.networking.v1.NetworkPolicySpec": {
        "policyTypes": lambda spec: ["Ingress", *(["Egress"] if spec.get("egress") else [])],
    },
    "io.k8s.api.networking.v1.NetworkPolicyPort": {"protocol": "TCP"},
    "io.k8s.api.discovery.v1.Endpoint": {"conditions": {}},
    "io.k8s.api.discovery.v1.EndpointPort": {"name": "", "protocol": "TCP"},
    "io.k8s.api.storage.v1.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "io.k8s.api.scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    RBAC + "RoleRef": {"apiGroup": "rbac.authorization.k8s.io"},
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec": {
        "conversion": {"strategy": "None"},
    },
}
PROBE_NUMBERS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
UNSCHEDULED = dict.fromkeys(
    ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"), 0
)
UNDISRUPTED = dict.fromkeys(("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 0)
FILLS: dict[str, tuple[Callable[[Part], None], ...]] = {
    CORE + "Volume": (volume_source,),
    CORE + "PodSpec": (grace_period,),
    CORE + "Probe": (probe_numbers,),
    CORE + "ResourceRequirements": (whole_millis,),
    CORE + "VolumeResourceRequirements": (whole_millis,),
    CORE + "PersistentVolumeClaim": (born_status({"phase": "Pending"}),),
    CORE + "Service": (born_status({"loadBalancer": {}}),),
    CORE + "Secret": (secret_data,),
    APPS + "Deployment": (born_status({}),),
    APPS + "ReplicaSet": (born_status({"replicas": 0}),),
    APPS + "StatefulSet": (born_status({"replicas": 0, "availableReplicas": 0}),),
    APPS + "DaemonSet": (born_status(UNSCHEDULED),),
    BATCH + "Job": (born_status({}),),
    BATCH + "CronJob": (born_status({}),),
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler": (born_status({"desiredReplicas": 0}),),
    "io.k8s.api.networking.v1.Ingress": (born_status({"loadBalancer": {}}),),
    "io.k8s.api.policy.v1.PodDisruptionBudget": (born_status(UNDISRUPTED),),
    APPS + "DeploymentStrategy": (rolling("25%", "25%"),),
    APPS + "DaemonSetUpdateStrategy": (rolling(0, 1),),
    APPS + "StatefulSetUpdateStrategy": (stateful_strategy,),
    BATCH + "JobSpec": (job_counts,),
    RBAC + "Subject": (subject_group,),
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec": (hpa_metrics,),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames": (crd_names,),
}
STRUCTS = ("metadata", "spec", "template", "jobTemplate")
# Parts that a default brings into being must be filled in as well: their parent names the definition.
BORN_EMPTY = {
    APPS + "DeploymentSpec": ("strategy", APPS + "DeploymentStrategy"),
    APPS + "StatefulSetSpec": ("updateStrategy", APPS + "StatefulSetUpdateStrategy"),
    APPS + "DaemonSetSpec": ("updateStrategy", APPS + "DaemonSetUpdateStrategy"),
}


def fill_part(definition: str, part: Part) -> None:
    """Write the defaults of one definition into one part."""
    for name, value in DEFAULTS.get(definition, {}).items():
        if name not in part:
            part[name] = value(part) if callable(value) else _fresh(value)
    if definition in BORN_EMPTY:
        name, child = BORN_EMPTY[definition]
        fill_part(child, part[name])
    for fill in FILLS.get(definition, ()):
        fill(part)


def _fresh(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value


def bear_structs(obj: Part, schema: Schema) -> None:
    """What is a struct and no pointer in the API's types is never absent, only empty."""
    properties = resolve(schema).get("properties", {})
    for field in STRUCTS:
        if field in properties and isinstance(obj.setdefault(field, {}), dict):
            bear_structs(obj[field], properties[field])
    for claim in obj.get("volumeClaimTemplates") or () if "volumeClaimTemplates" in properties else ():
        bear_structs(claim, properties["volumeClaimTemplates"]["items"])


def fill(obj: dict[str, Any], schema: Schema, name: str = "") -> None:
    """Write all defaults into the object, in place."""
    bear_structs(obj, schema)
    for part in parts(obj, schema, name=name):
        if part.path == "spec.jobTemplate.spec":
            continue  # it becomes a Job, and gets a Job's defaults then
        if part.definition in DEFAULTS or part.definition in FILLS:
            fill_part(part.definition, part.value)
    if obj.get("kind") == "Pod" and isinstance(obj.get("spec"), dict):
        obj["spec"].setdefault("enableServiceLinks", True)
        for container in obj["spec"].get("containers", []) + obj["spec"].get("initContainers", []):
            container["resources"] = requests_from_limits(container)
