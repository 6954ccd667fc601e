"""Validation rules that look at more than one field, by definition name. Pure: part in, errors out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

from autostack.pocket.apiserver import pod_semantics
from autostack.pocket.apiserver.names import CONFIG_KEY_RULE, label_errors
from autostack.pocket.apiserver.pod_semantics import duplicates, mounts
from autostack.pocket.apiserver.schemas.walk import Part
from autostack.pocket.apiserver.selectors import from_label_selector
from autostack.pocket.errors import FieldError
from autostack.pocket.quantities import quantity

Check = Callable[[dict[str, Any], str], Iterator[FieldError]]
SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
CRON_FIELDS = 5
MOST_PERCENT, LAST_PORT = 100, 65535
INDEXES = re.compile(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*\Z", re.ASCII)
CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")


def workload(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The selector must not be empty and must match the template's labels."""
    selector = value.get("selector") or {}
    template_labels = value.get("template", {}).get("metadata", {}).get("labels") or {}
    if not selector:
        yield FieldError(f"{path}.selector", "", "Required value")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield FieldError(
            f"{path}.selector", f"empty selector is invalid for {path or 'a workload'}", value="{}"
        )
    elif not all(term.matches(template_labels) for term in _readable(selector)):
        yield FieldError(
            f"{path}.template.metadata.labels",
            "`selector` does not match template `labels`",
            value=template_labels,
        )


def _readable(selector: dict[str, Any]) -> list[Any]:
    return from_label_selector({**selector, "matchExpressions": [
        term for term in selector.get("matchExpressions", ()) if "key" in term and "operator" in term
    ]})  # fmt: skip


def always_restarts(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Long-running workloads restart always."""
    policy = value.get("template", {}).get("spec", {}).get("restartPolicy")
    if policy not in (None, "Always"):
        yield FieldError(
            f"{path}.template.spec.restartPolicy", 'supported values: "Always"', "Unsupported value", policy
        )


def strategy(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Surge and unavailability cannot both be zero; Recreate has no numbers."""
    rolling = value.get("rollingUpdate")
    if value.get("type") == "Recreate" and rolling is not None:
        yield FieldError(
            f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'", "Forbidden"
        )
    if rolling and _zero(rolling.get("maxSurge")) and _zero(rolling.get("maxUnavailable")):
        yield FieldError(
            f"{path}.rollingUpdate.maxUnavailable",
            "may not be 0 when `maxSurge` is 0",
            value=rolling["maxUnavailable"],
        )
    for field in ("maxSurge", "maxUnavailable"):
        number = (rolling or {}).get(field)
        if field == "maxUnavailable" and isinstance(number, str) and _percent(number) > MOST_PERCENT:
            yield FieldError(f"{path}.rollingUpdate.{field}", "must not be greater than 100%", value=number)
        if isinstance(number, str) and not re.match(r"\d+%\Z", number):
            yield FieldError(f"{path}.rollingUpdate.{field}", "a valid percent string must be a "
                                                              "numeric string "
                             "followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
                             "validation is '[0-9]+%')", value=number)  # fmt: skip


def _percent(text: str) -> int:
    return int(text[:-1]) if re.match(r"\d{1,9}%\Z", text) else 0


def progress(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A rollout has more time than its pods must stand."""
    deadline = value.get("progressDeadlineSeconds")
    if isinstance(deadline, int) and deadline <= value.get("minReadySeconds", 0):
        yield FieldError(
            f"{path}.progressDeadlineSeconds", "must be greater than minReadySeconds", value=deadline
        )


def daemon_strategy(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A rollout has to be able to begin somewhere."""
    rolling = value.get("rollingUpdate")
    if rolling and _zero(rolling.get("maxSurge", 0)) and _zero(rolling.get("maxUnavailable")):
        at = f"{path}.rollingUpdate.maxUnavailable"
        yield FieldError(at, "cannot be 0 when maxSurge is 0", "Required value")


def _zero(number: Any) -> bool:
    return number in (0, "0%")


def job(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A job's pods do not restart always."""
    policy = value.get("template", {}).get("spec", {}).get("restartPolicy")
    at = f"{path}.template.spec.restartPolicy"
    if policy == "Always":  # also the default, so most likely forgotten
        yield FieldError(at, 'valid values: "OnFailure", "Never"', "Required value")
    elif policy not in ("Never", "OnFailure"):
        yield FieldError(at, 'supported values: "OnFailure", "Never"', "Unsupported value", policy or "")


def job_policies(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A failure policy judges pods that are not restarted in place, a success policy indexes."""
    policy = value.get("template", {}).get("spec", {}).get("restartPolicy")
    if "podFailurePolicy" in value and policy != "Never":
        yield FieldError(
            f"{path}.template.spec.restartPolicy",
            'only "Never" is supported when podFailurePolicy is specified',
            value=policy,
        )
    if "successPolicy" in value and value.get("completionMode") != "Indexed":
        yield FieldError(f"{path}.successPolicy", "requires indexed completion mode", value="")
    for number, rule in enumerate(value.get("successPolicy", {}).get("rules", ())):
        text = rule.get("succeededIndexes")
        if text and not _are_indexes(text, value.get("completions", 0)):
            yield FieldError(
                f"{path}.successPolicy.rules[{number}].succeededIndexes",
                "must be ascending indexes below completions, like 0-2,5",
                value=text,
            )


def _are_indexes(text: str, completions: int) -> bool:
    if not INDEXES.match(text):
        return False
    limits = [int(limit) for limit in text.replace("-", ",").split(",")]
    return limits == sorted(set(limits)) and limits[-1] < completions


def service(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Ports are there, named when several, and unique; what this cluster cannot do is refused."""
    ports = value.get("ports", [])
    if value.get("type") == "ExternalName":
        if not value.get("externalName"):
            yield FieldError(f"{path}.externalName", "", "Required value")
        return
    if not ports and value.get("clusterIP") != "None":
        yield FieldError(f"{path}.ports", "", "Required value")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield FieldError(f"{path}.ports[{index}].name", "", "Required value")
        target = port.get("targetPort")
        if isinstance(target, int) and not 1 <= target <= LAST_PORT:
            at = f"{path}.ports[{index}].targetPort"
            yield FieldError(at, f"must be between 1 and {LAST_PORT}, inclusive", value=target)
    yield from duplicates([port for port in ports if port.get("name")], f"{path}.ports")
    if value.get("ipFamilyPolicy") == "RequireDualStack" or "IPv6" in value.get("ipFamilies", ()):
        yield FieldError(f"{path}.ipFamilies", "this cluster has IPv4 only", value="IPv6")
    address = value.get("clusterIP")
    if address not in (None, "", "None") and not _is_ipv4(address):
        yield FieldError(f"{path}.clusterIP", "must be a valid IP address, (e.g. 10.9.8.7)", value=address)


def _is_ipv4(text: Any) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def labelled(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A template's labels have the form of labels."""
    yield from label_errors(value.get("metadata", {}).get("labels"), f"{path}.metadata.labels")


def keys(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Keys of a ConfigMap or Secret are file names; together they are at most 1 MiB."""
    prefix = f"{path}." if path else ""
    size = 0
    for field in ("data", "binaryData"):
        for key, item in value.get(field, {}).items():
            size += len(str(item))
            if not CONFIG_KEY.match(key) or key in (".", ".."):
                yield FieldError(
                    f"{prefix}{field}[{key}]",
                    CONFIG_KEY_RULE,
                    value=key,
                )
    for key in value.get("data", {}).keys() & value.get("binaryData", {}).keys():
        yield FieldError(f"{prefix}data[{key}]", "duplicate of key present in binaryData", value=key)
    if size > 1024 * 1024 * (4 / 3 if "type" in value else 1):
        yield FieldError(f"{prefix}data", "must have at most 1048576 bytes", "Too long")


def secret(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The keys that its type promises are there."""
    for key in SECRET_KEYS.get(value.get("type", ""), ()):
        if key not in value.get("data", {}):
            yield FieldError(f"{path}.data[{key}]" if path else f"data[{key}]", "", "Required value")


def resource_metric(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """An aim that a resource can be measured against."""
    target = value.get("target") or {}
    if "averageUtilization" not in target and "averageValue" not in target:
        yield FieldError(
            f"{path}.target.averageUtilization",
            "must set either a target raw value or a target utilization",
            "Required value",
        )


def autoscaler(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The upper bound is not below the lower one."""
    low, high = value.get("minReplicas", 1), value.get("maxReplicas")
    sources = {metric.get("type") for metric in value.get("metrics", ())}
    if low == 0 and not sources & {"Object", "External"}:
        yield FieldError(f"{path}.minReplicas", "must be greater than or equal to 1", value=low)
    if not high:
        yield FieldError(f"{path}.maxReplicas", "must be set and greater than 0", "Required value")
    if "/" not in str(value.get("scaleTargetRef", {}).get("apiVersion", "")):
        at = f"{path}.scaleTargetRef.apiVersion"
        yield FieldError(at, "apiVersion must specify API group",
                         value=value.get("scaleTargetRef", {}).get("apiVersion", ""))  # fmt: skip
    if high and isinstance(high, int) and high < low:
        yield FieldError(f"{path}.maxReplicas", "must be greater than or equal to `minReplicas`", value=high)


def disruption_budget(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """One of the two bounds."""
    if "minAvailable" in value and "maxUnavailable" in value:
        yield FieldError(path, "minAvailable and maxUnavailable cannot be both set", value=value)


def ingress(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """It leads somewhere."""
    if not value.get("rules") and not value.get("defaultBackend"):
        yield FieldError(path, "either `defaultBackend` or `rules` must be specified")


def ingress_path(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A path begins at the root."""
    text = str(value.get("path", ""))
    if value.get("pathType") in ("Exact", "Prefix") and not text.startswith("/"):
        yield FieldError(f"{path}.path", "must be an absolute path", value=text)


def network_policy(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The two directions there are."""
    for index, direction in enumerate(value.get("policyTypes", ())):
        if direction not in ("Ingress", "Egress"):
            at = f"{path}.policyTypes[{index}]"
            yield FieldError(at, 'supported values: "Ingress", "Egress"', "Unsupported value", direction)


def ip_block(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A range of addresses."""
    try:
        ipaddress.ip_network(value.get("cidr", ""), strict=False)
    except ValueError:
        at = f"{path}.cidr"
        yield FieldError(
            at, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", value=value.get("cidr")
        )


def claim(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """It says how it is used, and how much it wants."""
    for mode in value.get("accessModes", ()):
        if mode not in ACCESS_MODES:
            choices = ", ".join(f'"{choice}"' for choice in ACCESS_MODES)
            yield FieldError(f"{path}.accessModes", f"supported values: {choices}", "Unsupported value", mode)
    wanted = value.get("resources", {}).get("requests", {}).get("storage")
    if wanted is None:
        yield FieldError(f"{path}.resources[storage]", "", "Required value")
    elif quantity(wanted) <= 0:
        yield FieldError(f"{path}.resources[storage]", "must be greater than zero", value=wanted)


def lease(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """It lasts some time."""
    duration = value.get("leaseDurationSeconds")
    if isinstance(duration, int) and duration <= 0:
        yield FieldError(f"{path}.leaseDurationSeconds", "must be greater than 0", value=duration)


def cron(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The schedule can be read; an unknown time zone is refused by name."""
    from datetime import UTC, datetime  # noqa: PLC0415 - CronJobs only
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - CronJobs only

    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - CronJobs only

    schedule = str(value.get("schedule", ""))
    try:
        if schedule and not schedule.startswith("@") and len(schedule.split()) != CRON_FIELDS:
            shown = f"[{' '.join(schedule.split())}]"
            said = f"expected exactly {CRON_FIELDS} fields, found {len(schedule.split())}: {shown}"
            yield FieldError(f"{path}.schedule", said, value=schedule)
        elif schedule and not schedule.startswith("@"):
            CronSim(schedule, datetime.now(UTC))
    except CronSimError as error:
        yield FieldError(f"{path}.schedule", str(error), value=schedule)
    zone = value.get("timeZone")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            yield FieldError(f"{path}.timeZone", f"unknown time zone {zone}", value=zone)


CORE = "io.k8s.api.core.v1."
APPS = "io.k8s.api.apps.v1."
CHECKS: dict[str, tuple[Check, ...]] = {
    **pod_semantics.CHECKS,
    CORE + "PodTemplateSpec": (labelled,),
    CORE + "ServiceSpec": (service,),
    CORE + "ConfigMap": (keys,),
    CORE + "Secret": (keys, secret),
    APPS + "DeploymentSpec": (workload, always_restarts, progress, mounts),
    APPS + "ReplicaSetSpec": (workload, always_restarts, mounts),
    APPS + "StatefulSetSpec": (workload, always_restarts),
    APPS + "DaemonSetSpec": (workload, always_restarts, mounts),
    APPS + "DeploymentStrategy": (strategy,),
    APPS + "DaemonSetUpdateStrategy": (daemon_strategy,),
    CORE + "PersistentVolumeClaimSpec": (claim,),
    "io.k8s.api.networking.v1.IngressSpec": (ingress,),
    "io.k8s.api.networking.v1.HTTPIngressPath": (ingress_path,),
    "io.k8s.api.networking.v1.NetworkPolicySpec": (network_policy,),
    "io.k8s.api.networking.v1.IPBlock": (ip_block,),
    "io.k8s.api.coordination.v1.LeaseSpec": (lease,),
    "io.k8s.api.batch.v1.JobSpec": (job, job_policies, mounts),
    "io.k8s.api.batch.v1.CronJobSpec": (cron,),
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec": (autoscaler,),
    "io.k8s.api.autoscaling.v2.ResourceMetricSource": (resource_metric,),
    "io.k8s.api.policy.v1.PodDisruptionBudgetSpec": (disruption_budget,),
}


def errors(part: Part) -> Iterator[FieldError]:
    """What is wrong with one part by the rules."""
    for check in CHECKS.get(part.definition, ()):
        yield from check(part.value, part.path)
