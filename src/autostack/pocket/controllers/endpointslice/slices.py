"""A Service's EndpointSlices from its pods. Pure.

A pod that is being deleted is neither ready nor serving while another one is ready, so that proxies and
Traefik (which would go on using a serving one) drain it at once. When all are being deleted, those that are
still ready are serving, as the last resort; Kubernetes itself keeps `serving` as the pod's readiness always.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import SERVICE
from autostack.pocket.controllers.meta import (
    Key,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    uid_of,
)
from autostack.pocket.controllers.pods import fingerprint, is_finished, is_ready

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
ENDPOINTS_A_SLICE = 1000


def slices_of(slices: Iterable[Object], service: str) -> list[Object]:
    """Those that this controller made for the Service of this name."""
    made = {SERVICE_NAME: service, MANAGED_BY: CONTROLLER}
    return [one for one in slices if made.items() <= labels_of(one).items()]


def its_service(piece: Object) -> Iterable[Key]:
    """The Service that a slice is of, as a watch's keys."""
    owner = labels_of(piece).get(SERVICE_NAME)
    return ((namespace_of(piece), owner),) if owner else ()


def headless_label(service: Object) -> dict[str, str]:
    """What marks the endpoints of a Service that has no address of its own."""
    return {"service.kubernetes.io/headless": ""} if service["spec"].get("clusterIP") == "None" else {}


def address_of(pod: Object) -> str:
    """The pod's address, "" before it has one."""
    return str((pod.get("status") or {}).get("podIP") or "")


def target_port(pod: Object, port: dict[str, Any]) -> int | None:
    """The number that a Service port means in this pod; None when no container port has the name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int) and target:
        return target
    if not target:
        return int(port["port"])
    if isinstance(target, str) and target.isdigit():
        return int(target)
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    for container in containers:
        for candidate in container.get("ports") or []:
            same_protocol = candidate.get("protocol", "TCP") == port.get("protocol", "TCP")
            if candidate.get("name") == target and same_protocol:
                return int(candidate["containerPort"])
    return None


def ports_of(service: Object, pod: Object) -> tuple[tuple[tuple[str, Any], ...], ...]:
    """The slice ports that this pod offers, hashable."""
    found = []
    for port in service["spec"].get("ports") or []:
        number = target_port(pod, port)
        if number is not None:
            entry = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}
            if port.get("appProtocol"):
                entry["appProtocol"] = port["appProtocol"]
            found.append(tuple(entry.items()))
    return tuple(found)


def endpoint_of(service: Object, pod: Object, *, last_resort: bool) -> dict[str, Any]:
    """The pod as an endpoint; as a last resort it serves while it terminates."""
    terminating = is_deleting(pod)
    serving = is_ready(pod) and (last_resort or not terminating)
    ready = (serving and not terminating) or bool(service["spec"].get("publishNotReadyAddresses"))
    spec = pod["spec"]
    named = spec.get("hostname") and spec.get("subdomain") == name_of(service)
    return {
        "addresses": [address_of(pod)],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        **({"hostname": spec["hostname"]} if named else {}),
        **({"nodeName": spec["nodeName"]} if spec.get("nodeName") else {}),
        "targetRef": {
            "kind": "Pod",
            "namespace": namespace_of(pod),
            "name": name_of(pod),
            "uid": uid_of(pod),
        },
    }


def desired_slices(service: Object, pods: Iterable[Object]) -> list[Object]:
    """The slices that the Service must have: one for each set of port numbers that its pods offer."""
    groups: dict[tuple[tuple[tuple[str, Any], ...], ...], list[Object]] = {}
    pods = list(pods)
    last_resort = not any(is_ready(pod) and not is_deleting(pod) for pod in pods)
    for pod in sorted(pods, key=name_of):
        if address_of(pod) and not is_finished(pod):
            groups.setdefault(ports_of(service, pod), []).append(pod)
    slices = []
    for ports, members in (groups or {(): []}).items():
        for start in range(0, max(1, len(members)), ENDPOINTS_A_SLICE):
            part = members[start : start + ENDPOINTS_A_SLICE]
            endpoints = [endpoint_of(service, pod, last_resort=last_resort) for pod in part]
            slices.append(_slice(service, [dict(port) for port in ports], endpoints, start))
    return slices


def _slice(
    service: Object, ports: list[dict[str, Any]], endpoints: list[dict[str, Any]], start: int
) -> Object:
    identity = fingerprint([uid_of(service), ports, start])[:7]
    return {
        "metadata": {
            "name": f"{name_of(service)}-{identity}",
            "namespace": namespace_of(service),
            "labels": {
                **labels_of(service),
                SERVICE_NAME: name_of(service),
                MANAGED_BY: CONTROLLER,
                **headless_label(service),
            },
            "ownerReferences": [owner_reference(SERVICE, service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    }


def differs(existing: Object, desired: Object) -> bool:
    """Whether the slice must be written."""
    same = all((existing.get(part) or []) == desired[part] for part in ("endpoints", "ports"))
    return not same or labels_of(existing) != desired["metadata"]["labels"]
