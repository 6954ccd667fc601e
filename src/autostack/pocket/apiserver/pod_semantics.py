"""Validation rules of pods and of what contains them, by definition name. Pure: part in, errors out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from autostack.pocket.apiserver.names import is_label, label_errors
from autostack.pocket.errors import FieldError
from autostack.pocket.quantities import quantity

Check = Callable[[dict[str, Any], str], Iterator[FieldError]]
PORT_NAME = re.compile(r"(?=[a-z0-9-]*[a-z])[a-z0-9]+(-[a-z0-9]+)*\Z")
PORT_NAME_LIMIT = 15
ENV_FIELDS = re.compile(
    r"(metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?))\Z"
)
ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def pod_spec(spec: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Names of volumes and of containers are unique; a node is chosen by labels."""
    yield from label_errors(spec.get("nodeSelector"), f"{path}.nodeSelector")
    yield from duplicates(spec.get("volumes", []), f"{path}.volumes")
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
            for name in ("livenessProbe", "startupProbe"):
                successes = container.get(name, {}).get("successThreshold", 1)
                if successes != 1:
                    at = f"{path}.{field}[{index}].{name}.successThreshold"
                    yield FieldError(at, "must be 1", value=successes)


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
                    yield FieldError(where, "", "Not found", mount.get("name"))


def duplicates(items: list[dict[str, Any]], path: str) -> Iterator[FieldError]:
    """Items that bear a name of one before them."""
    seen: set[Any] = set()
    for index, item in enumerate(items):
        if item.get("name") in seen:
            yield FieldError(f"{path}[{index}].name", "", "Duplicate value", item.get("name"))
        seen.add(item.get("name"))


def container(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Its name, and the names and sources within it."""
    if value.get("name") and not is_label(value["name"]):
        yield FieldError(f"{path}.name", "a lowercase RFC 1123 label must consist of lower case alphanumeric "
                         "characters or '-', and must start and end with an alphanumeric "
                         "character", value=value["name"])  # fmt: skip
    yield from duplicates([port for port in value.get("ports", []) if port.get("name")], f"{path}.ports")
    for index, port in enumerate(value.get("ports", [])):
        yield from _port_name(port.get("name"), f"{path}.ports[{index}].name")
    for index, variable in enumerate(value.get("env", [])):
        if not variable.get("name"):
            yield FieldError(f"{path}.env[{index}].name", "", "Required value")
        if variable.get("value") and variable.get("valueFrom"):
            yield FieldError(
                f"{path}.env[{index}].valueFrom", "may not be specified when `value` is not empty", value=""
            )


def _port_name(name: Any, path: str) -> Iterator[FieldError]:
    if not name:
        return
    if len(name) > PORT_NAME_LIMIT:
        yield FieldError(path, f"must be no more than {PORT_NAME_LIMIT} characters", value=name)
    elif not PORT_NAME.match(name):
        yield FieldError(
            path, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)", value=name
        )


def env_source(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Exactly one source, and a field that a pod has."""
    given = [name for name in ENV_SOURCES if name in value]
    if not given:
        listed = ", ".join(f"`{name}`" for name in ENV_SOURCES[:-1])
        yield FieldError(path, f"must specify one of: {listed} or `{ENV_SOURCES[-1]}`", value="")
    elif len(given) > 1:
        yield FieldError(path, "may not have more than one field specified at a time", value="")
    field = value.get("fieldRef", {}).get("fieldPath")
    if field and not ENV_FIELDS.match(field):
        said = f"error converting fieldPath: field label not supported: {field}"
        yield FieldError(f"{path}.fieldRef.fieldPath", said, value=field)


def volume(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """One source."""
    for source in sorted(value.keys() - {"name"})[1:]:
        yield FieldError(f"{path}.{source}", "may not specify more than 1 volume type", "Forbidden")


def toleration(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Without a key it is for all of them."""
    operator = value.get("operator")
    if not value.get("key") and operator != "Exists":
        said = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield FieldError(f"{path}.operator", said, value=operator or "")


def resources(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """No less than nothing, and requests within limits."""
    limits, requests = value.get("limits", {}), value.get("requests", {})
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if quantity(amount) < 0:
                at = f"{path}.{field}[{name}]"
                yield FieldError(at, "must be greater than or equal to 0", value=amount)
    for name in requests.keys() & limits.keys():
        if quantity(requests[name]) > quantity(limits[name]):
            said = f"must be less than or equal to {name} limit of {limits[name]}"
            yield FieldError(f"{path}.requests", said, value=requests[name])


def probe(value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """Exactly one handler."""
    given = [name for name in ("exec", "grpc", "httpGet", "tcpSocket") if name in value]
    if not given:
        yield FieldError(path, "must specify a handler type", "Required value")
    for name in given[1:]:
        yield FieldError(f"{path}.{name}", "may not specify more than 1 handler type", "Forbidden")


CORE = "io.k8s.api.core.v1."
CHECKS: dict[str, tuple[Check, ...]] = {
    CORE + "Pod": (mounts,),
    CORE + "PodSpec": (pod_spec,),
    CORE + "Container": (container,),
    CORE + "EnvVarSource": (env_source,),
    CORE + "ResourceRequirements": (resources,),
    CORE + "Toleration": (toleration,),
    CORE + "Volume": (volume,),
    CORE + "Probe": (probe,),
}
