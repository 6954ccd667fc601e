"""Validation rules that look at more than one field, by definition name. Pure: part in, errors out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

from autostack.pocket.apiserver.names import is_label, label_errors
from autostack.pocket.apiserver.schemas.walk import Part
from autostack.pocket.apiserver.selectors import from_label_selector
from autostack.pocket.errors import FieldError

Check = Callable[[dict[str, Any], str], Iterator[FieldError]]
QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(m|k|M|G|T|P|E|n|u|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?\Z")
SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
INDEXES = re.compile(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*\Z", re.ASCII)
CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")


def pod_spec(spec: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Names of volumes and of containers are unique."""
    yield from _duplicates(spec.get("volumes", []), f"{path}.volumes")
    seen: set[Any] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field, [])):
            if container.get("name") in seen:
                yield FieldError(
                    f"{path}.{field}[{index}].name", "", "Duplicate value", container.get("name")
                )
            seen.add(container.get("name"))
            if field == "containers" and "restartPolicy" in container:
                yield FieldError(
                    f"{path}.{field}[{index}].restartPolicy",
                    "may not be set for non-init containers",
                    "Forbidden",
                )


def mounts(owner: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Mounts name a volume of their pod. A StatefulSet's may name a claim template: judged in its pods."""
    if "template" in owner:
        spec, at = owner["template"].get("spec", {}), f"{path}.template.spec"
    else:
        spec, at = owner.get("spec", {}), "spec"
    volumes = {volume.get("name") for volume in spec.get("volumes", [])}
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field, [])):
            for number, mount in enumerate(container.get("volumeMounts", [])):
                if mount.get("name") not in volumes:
                    where = f"{at}.{field}[{index}].volumeMounts[{number}].name"
                    yield FieldError(where, "", "Invalid value", mount.get("name"))


def _duplicates(items: list[dict[str, Any]], path: str) -> Iterator[FieldError]:
    seen: set[Any] = set()
    for index, item in enumerate(items):
        if item.get("name") in seen:
            yield FieldError(f"{path}[{index}].name", "", "Duplicate value", item.get("name"))
        seen.add(item.get("name"))


def container(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Name, requests within limits, and quantities that can be read."""
    if value.get("name") and not is_label(value["name"]):
        yield FieldError(f"{path}.name", "a lowercase RFC 1123 label must consist of lower case alphanumeric "
                         "characters or '-', and must start and end with an alphanumeric "
                         "character", value=value["name"])  # fmt: skip
    yield from _duplicates([port for port in value.get("ports", []) if port.get("name")], f"{path}.ports")
    for index, variable in enumerate(value.get("env", [])):
        if not variable.get("name"):
            yield FieldError(f"{path}.env[{index}].name", "", "Required value")
        if variable.get("value") and variable.get("valueFrom"):
            yield FieldError(
                f"{path}.env[{index}].valueFrom", "may not be specified when `value` is not empty", value=""
            )


def resources(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Quantities are quantities."""
    for field in ("limits", "requests"):
        for name, quantity in value.get(field, {}).items():
            yield from _quantity(quantity, f"{path}.{field}[{name}]")


def _quantity(value: Any, path: str) -> Iterator[FieldError]:
    if not QUANTITY.match(str(value)):
        yield FieldError(
            path,
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            value=value,
        )


def probe(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Exactly one handler."""
    given = [name for name in ("exec", "grpc", "httpGet", "tcpSocket") if name in value]
    if not given:
        yield FieldError(path, "must specify a handler type", "Required value")
    for name in given[1:]:
        yield FieldError(f"{path}.{name}", "may not specify more than 1 handler type", "Forbidden")


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
        if isinstance(number, str) and not re.match(r"\d+%\Z", number):
            yield FieldError(f"{path}.rollingUpdate.{field}", "a valid percent string must be a "
                                                              "numeric string "
                             "followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
                             "validation is '[0-9]+%')", value=number)  # fmt: skip


def _zero(number: Any) -> bool:
    return number in (0, "0%")


def job(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """A job's pods do not restart always."""
    policy = value.get("template", {}).get("spec", {}).get("restartPolicy")
    if policy not in ("Never", "OnFailure"):
        yield FieldError(
            f"{path}.template.spec.restartPolicy",
            'supported values: "OnFailure", "Never"',
            "Unsupported value",
            policy or "",
        )


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
    yield from _duplicates([port for port in ports if port.get("name")], f"{path}.ports")
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
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                    value=key,
                )
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
            "must specify either a target raw value or a target utilization",
            "Required value",
        )
    if "averageValue" in target:
        yield from _quantity(target["averageValue"], f"{path}.target.averageValue")


def scaling_rules(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The tolerance is a quantity."""
    if "tolerance" in value:
        yield from _quantity(value["tolerance"], f"{path}.tolerance")


def autoscaler(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The upper bound is not below the lower one."""
    low, high = value.get("minReplicas", 1), value.get("maxReplicas")
    if isinstance(high, int) and high < low:
        yield FieldError(f"{path}.maxReplicas", "must be greater than or equal to `minReplicas`", value=high)


def disruption_budget(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """One of the two bounds."""
    if "minAvailable" in value and "maxUnavailable" in value:
        yield FieldError(path, "minAvailable and maxUnavailable cannot be both set", value="")


def cron(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """The schedule can be read; an unknown time zone is refused by name."""
    from datetime import UTC, datetime  # noqa: PLC0415 - CronJobs only
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - CronJobs only

    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - CronJobs only

    schedule = str(value.get("schedule", ""))
    try:
        if schedule and not schedule.startswith("@"):
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
    CORE + "Pod": (mounts,),
    CORE + "PodSpec": (pod_spec,),
    CORE + "Container": (container,),
    CORE + "ResourceRequirements": (resources,),
    CORE + "VolumeResourceRequirements": (resources,),
    CORE + "Probe": (probe,),
    CORE + "PodTemplateSpec": (labelled,),
    CORE + "ServiceSpec": (service,),
    CORE + "ConfigMap": (keys,),
    CORE + "Secret": (keys, secret),
    APPS + "DeploymentSpec": (workload, always_restarts, mounts),
    APPS + "ReplicaSetSpec": (workload, always_restarts, mounts),
    APPS + "StatefulSetSpec": (workload, always_restarts),
    APPS + "DaemonSetSpec": (workload, always_restarts, mounts),
    APPS + "DeploymentStrategy": (strategy,),
    "io.k8s.api.batch.v1.JobSpec": (job, job_policies, mounts),
    "io.k8s.api.batch.v1.CronJobSpec": (cron,),
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec": (autoscaler,),
    "io.k8s.api.autoscaling.v2.HPAScalingRules": (scaling_rules,),
    "io.k8s.api.autoscaling.v2.ResourceMetricSource": (resource_metric,),
    "io.k8s.api.policy.v1.PodDisruptionBudgetSpec": (disruption_budget,),
}


def errors(part: Part) -> Iterator[FieldError]:
    """What is wrong with one part by the rules."""
    for check in CHECKS.get(part.definition, ()):
        yield from check(part.value, part.path)
