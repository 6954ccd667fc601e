"""Endpoints: what a Service's EndpointSlices say, in the older form that some clients still read.

They follow the slices, so both forms tell the same. Nothing here routes by them, and those that somebody
writes for a Service without a selector are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.endpointslice.slices import headless_label, its_service, slices_of
from autostack.pocket.controllers.kinds import ENDPOINT_SLICE, ENDPOINTS, SERVICE
from autostack.pocket.controllers.loop import Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    is_deleting,
    labels_of,
    with_metadata,
)

Ports = tuple[tuple[tuple[str, Any], ...], ...]

MANAGED = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""
    del cluster
    watches = {SERVICE: itself, ENDPOINT_SLICE: its_service, ENDPOINTS: itself}
    return Controller("endpoint-controller", watches, reconcile)


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Make the Endpoints equal to the slices."""
    service, existing = cluster.cache(SERVICE).get(key), cluster.cache(ENDPOINTS).get(key)
    if service is None or is_deleting(service):
        if existing is not None and MANAGED.items() <= labels_of(existing).items():
            await cluster.delete(ENDPOINTS, existing)
        return None
    if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
        return None
    wanted = subsets(service, slices_of(cluster.cache(ENDPOINT_SLICE).within(key[0]), key[1]))
    labels = {**labels_of(service), **MANAGED, **headless_label(service)}
    if existing is None:
        metadata = {"name": key[1], "namespace": key[0], "labels": labels}
        await cluster.create(ENDPOINTS, {"metadata": metadata, "subsets": wanted})
    elif (existing.get("subsets") or []) != wanted or labels_of(existing) != labels:
        await cluster.update(ENDPOINTS, {**with_metadata(existing, labels=labels), "subsets": wanted})
    return None


def subsets(service: Object, slices: Iterable[Object]) -> list[dict[str, Any]]:
    """The addresses by the ports that they offer, pods that are being deleted left out. Pure."""
    by_ports: dict[Ports, dict[str, list[dict[str, Any]]]] = {}
    for piece in slices:
        ports = tuple(_said(port) for port in piece.get("ports") or ())
        if not ports and service["spec"].get("ports"):
            continue  # no container has a port of that name
        for endpoint in piece.get("endpoints") or ():
            conditions = endpoint["conditions"]
            if not conditions["terminating"]:
                part = "addresses" if conditions["ready"] else "notReadyAddresses"
                by_ports.setdefault(ports, {}).setdefault(part, []).append(_address(endpoint))
    found: list[dict[str, Any]] = []
    for ports, parts in sorted(by_ports.items(), key=lambda one: repr(one[0])):
        ordered = {part: sorted(some, key=lambda one: str(one["ip"])) for part, some in parts.items()}
        found.append({**ordered, **({"ports": [dict(port) for port in ports]} if ports else {})})
    return found


def _said(port: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A slice's port, hashable; its name may be "", which Endpoints leave out."""
    return tuple((name, value) for name, value in port.items() if value)


def _address(endpoint: dict[str, Any]) -> dict[str, Any]:
    carried = {
        name: value for name, value in endpoint.items() if name in {"hostname", "nodeName", "targetRef"}
    }
    return {"ip": endpoint["addresses"][0], **carried}
