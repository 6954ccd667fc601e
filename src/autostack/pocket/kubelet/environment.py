"""A container's environment, arguments and downward values. Pure: pods, ConfigMaps and Secrets in, text out.

The order is Kubernetes': service links, then envFrom, then env; `$(NAME)` refers to what came before, `$$`
is a dollar sign, and a reference to nothing stays as it is written.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.kubelet.errors import ConfigError
from autostack.pocket.quantities import quantity

Lookup = Callable[[str], Object | None]
_REFERENCE = re.compile(r"\$\$|\$\(([^()\s]+)\)")
_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the downward API can tell that is not in the pod's own spec and metadata."""

    pod_ip: str
    host_ip: str
    node_cpu: float
    node_memory: float


@dataclass(frozen=True, slots=True)
class Sources:
    """ConfigMaps and Secrets of the pod's namespace, by name; None when there is none."""

    config_map: Lookup
    secret: Lookup


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)`."""

    def one(match: re.Match[str]) -> str:
        if match.group(0) == "$$":
            return "$"
        return known.get(match.group(1), match.group(0))

    return _REFERENCE.sub(one, text)


def config_map_values(obj: Object) -> dict[str, bytes]:
    """The keys of a ConfigMap with their content."""
    values = {key: text.encode() for key, text in (obj.get("data") or {}).items()}
    return values | {key: base64.b64decode(text) for key, text in (obj.get("binaryData") or {}).items()}


def secret_values(obj: Object) -> dict[str, bytes]:
    """The keys of a Secret with their decoded content."""
    return {key: base64.b64decode(text) for key, text in (obj.get("data") or {}).items()}


def environment_of(
    pod: Object, container: Object, sources: Sources, facts: PodFacts, links: Mapping[str, str]
) -> dict[str, str]:
    """The container's variables; raises ConfigError with what is missing."""
    result = dict(links)
    for source in container.get("envFrom") or []:
        result |= _from_source(source, sources)
    for entry in container.get("env") or []:
        name = entry["name"]
        if "valueFrom" in entry:
            value = _value_from(pod, container, entry["valueFrom"], sources, facts)
            if value is not None:
                result[name] = value
        else:
            result[name] = expand(entry.get("value") or "", result)
    return result


def _from_source(source: Mapping[str, Any], sources: Sources) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    if "configMapRef" in source:
        reference, kind, lookup, values = (
            source["configMapRef"],
            "configmap",
            sources.config_map,
            config_map_values,
        )
    else:
        reference, kind, lookup, values = source["secretRef"], "secret", sources.secret, secret_values
    found = lookup(reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    return {prefix + key: value.decode(errors="replace") for key, value in values(found).items()}


def _value_from(
    pod: Object, container: Object, source: Mapping[str, Any], sources: Sources, facts: PodFacts
) -> str | None:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], facts)
    if "resourceFieldRef" in source:
        return resource_value(pod, source["resourceFieldRef"], facts, container)
    if "configMapKeyRef" in source:
        reference, kind, values = source["configMapKeyRef"], "ConfigMap", config_map_values
        found = sources.config_map(reference["name"])
    elif "secretKeyRef" in source:
        reference, kind, values = source["secretKeyRef"], "Secret", secret_values
        found = sources.secret(reference["name"])
    else:
        raise ConfigError(f"valueFrom with {', '.join(source) or 'nothing'} is not supported")
    data = values(found) if found is not None else {}
    if reference["key"] in data:
        return data[reference["key"]].decode(errors="replace")
    if reference.get("optional"):
        return None
    if found is None:
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    namespace = pod["metadata"]["namespace"]
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")


def field_value(pod: Object, path: str, facts: PodFacts) -> str:
    """A fieldRef's value; raises ConfigError for a path that the downward API does not have."""
    metadata, spec = pod["metadata"], pod["spec"]
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": facts.pod_ip,
        "status.podIPs": facts.pod_ip,
        "status.hostIP": facts.host_ip,
        "status.hostIPs": facts.host_ip,
    }
    if path in simple:
        return str(simple[path])
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str((metadata.get(keyed[1]) or {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted(pairs.items()))
    raise ConfigError(f"unsupported fieldPath: {path}")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resource_value(
    pod: Object, reference: Mapping[str, Any], facts: PodFacts, container: Object | None = None
) -> str:
    """A resourceFieldRef in units of its divisor, rounded up; an absent limit is the node's capacity."""
    name = reference.get("containerName")
    if name:
        everyone = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        container = next((one for one in everyone if one["name"] == name), None)
    if container is None:
        raise ConfigError(f"resourceFieldRef: container {name} not found")
    section, _, resource = str(reference["resource"]).partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(section) or {}).get(resource)
    if amount is None and section == "limits":
        amount = {"cpu": facts.node_cpu, "memory": facts.node_memory}.get(resource)
    divisor = quantity(reference.get("divisor") or "1") or 1
    return str(math.ceil(quantity(amount or 0) / divisor - 1e-9))


def service_links(services: list[Object], namespace: str) -> dict[str, str]:
    """The variables that name each Service of the pod's namespace, in Docker's old form too."""
    links: dict[str, str] = {}
    for service in services:
        address = service["spec"].get("clusterIP")
        ports = service["spec"].get("ports") or []
        if service["metadata"].get("namespace") != namespace or address in (None, "", "None") or not ports:
            continue
        prefix = service["metadata"]["name"].upper().replace("-", "_")
        links[f"{prefix}_SERVICE_HOST"] = address
        links[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
        links[f"{prefix}_PORT"] = f"{ports[0].get('protocol', 'TCP').lower()}://{address}:{ports[0]['port']}"
        for port in ports:
            links |= _port_links(prefix, address, port)
    return links


def _port_links(prefix: str, address: str, port: Mapping[str, Any]) -> dict[str, str]:
    number, protocol = str(port["port"]), str(port.get("protocol", "TCP"))
    base = f"{prefix}_PORT_{number}_{protocol}"
    links = {
        base: f"{protocol.lower()}://{address}:{number}",
        f"{base}_PROTO": protocol.lower(),
        f"{base}_PORT": number,
        f"{base}_ADDR": address,
    }
    if port.get("name"):
        links[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = number
    return links
