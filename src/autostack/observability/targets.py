"""Targets with Kubernetes' own meta labels, as Prometheus' kubernetes_sd_configs would find them. Pure.

Only the labels that the translation of monitors uses, and those that people use in relabellings, are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from autostack.observability.monitors import Object
from autostack.observability.selectors import meta_name

Target = dict[str, Any]
_SERVICE_OF_SLICE = "kubernetes.io/service-name"


def endpointslice_targets(
    slices: Iterable[Object],
    services: Mapping[tuple[str, str], Object],
    pods: Mapping[tuple[str, str], Object],
) -> Iterator[Target]:
    """One target per address and port of every slice; services and pods are by (namespace, name)."""
    for one in slices:
        namespace = one["metadata"]["namespace"]
        owner = (one["metadata"].get("labels") or {}).get(_SERVICE_OF_SLICE, "")
        service = services.get((namespace, owner))
        shared = {"__meta_kubernetes_namespace": namespace, **_service_labels(service)}
        for endpoint in one.get("endpoints") or ():
            reference = endpoint.get("targetRef") or {}
            pod = pods.get((namespace, reference.get("name", ""))) if reference.get("kind") == "Pod" else None
            for port in one.get("ports") or ():
                labels = shared | _endpoint_labels(endpoint, port, reference)
                if pod is not None:
                    labels |= _pod_labels(pod) | _container_labels(pod, port.get("port"))
                for address in endpoint["addresses"]:
                    yield {"targets": [f"{address}:{port.get('port')}"], "labels": labels}


def pod_targets(pods: Iterable[Object]) -> Iterator[Target]:
    """One target per declared port of every pod that has an address."""
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            continue
        for container in pod["spec"].get("containers") or ():
            for port in container.get("ports") or ():
                number = port["containerPort"]
                labels = {"__meta_kubernetes_namespace": pod["metadata"]["namespace"], **_pod_labels(pod)}
                labels |= _container_labels(pod, number)
                yield {"targets": [f"{address}:{number}"], "labels": labels}


def _endpoint_labels(endpoint: Object, port: Object, reference: Object) -> dict[str, str]:
    ready = (endpoint.get("conditions") or {}).get("ready", True)
    prefix = "__meta_kubernetes_endpointslice"
    return {
        f"{prefix}_port": str(port.get("port")),
        f"{prefix}_port_name": port.get("name") or "",
        f"{prefix}_port_protocol": port.get("protocol") or "TCP",
        f"{prefix}_endpoint_conditions_ready": str(bool(ready)).lower(),
        f"{prefix}_address_target_kind": reference.get("kind", ""),
        f"{prefix}_address_target_name": reference.get("name", ""),
    }


def _service_labels(service: Object | None) -> dict[str, str]:
    if service is None:
        return {}
    prefix = "__meta_kubernetes_service"
    return {f"{prefix}_name": service["metadata"]["name"], **_labels(prefix, service)}


def _pod_labels(pod: Object) -> dict[str, str]:
    prefix, status = "__meta_kubernetes_pod", pod.get("status") or {}
    ready = next((one["status"] for one in status.get("conditions") or () if one["type"] == "Ready"), "False")
    return {
        f"{prefix}_name": pod["metadata"]["name"],
        f"{prefix}_ip": status.get("podIP", ""),
        f"{prefix}_phase": status.get("phase", ""),
        f"{prefix}_ready": str(ready).lower(),
        f"{prefix}_node_name": pod["spec"].get("nodeName", ""),
        f"{prefix}_uid": pod["metadata"].get("uid", ""),
        **_labels(prefix, pod),
    }


def _container_labels(pod: Object, number: object) -> dict[str, str]:
    """The container that declares the port."""
    prefix = "__meta_kubernetes_pod_container"
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if port["containerPort"] == number:
                return {
                    f"{prefix}_name": container["name"],
                    f"{prefix}_image": container.get("image", ""),
                    f"{prefix}_port_name": port.get("name", ""),
                    f"{prefix}_port_number": str(number),
                }
    return {}


def _labels(prefix: str, one: Object) -> dict[str, str]:
    found: dict[str, str] = {}
    for label, value in (one["metadata"].get("labels") or {}).items():
        found[f"{prefix}_label_{meta_name(label)}"] = value
        found[f"{prefix}_labelpresent_{meta_name(label)}"] = "true"
    return found
