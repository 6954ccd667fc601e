"""The routing table: which address and port leads to which pods, as the API objects say. Pure.

A listener without a ready pod is left out, so that a connection to it is refused, as on any cluster. What
can't be done here is a Remark, which becomes an Event about the object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import POD, SERVICE, Kind
from autostack.pocket.controllers.meta import is_deleting, labels_of, name_of, namespace_of
from autostack.pocket.controllers.pods import phase

SERVICE_NAME = "kubernetes.io/service-name"
LOCALHOST = "127.0.0.1"
Backend = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Listener:
    """One address and port, and the pods behind it in a stable order."""

    host: str
    port: int
    backends: tuple[Backend, ...]

    @property
    def key(self) -> str:
        """`127.96.0.10:80`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about an object that its owner should know."""

    kind: Kind
    about: Object
    reason: str
    message: str


@dataclass(slots=True)
class Table:
    """All listeners, and whose they are."""

    listeners: dict[str, Listener] = field(default_factory=dict)
    owners: dict[str, tuple[Kind, Object]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def add(self, listener: Listener, kind: Kind, owner: Object) -> None:
        """Add a listener; the first one to ask for an address has it."""
        holder = self.owners.setdefault(listener.key, (kind, owner))[1]
        if holder is not owner:
            message = f"{listener.key} is already used by {namespace_of(holder)}/{name_of(holder)}"
            self.remarks.append(Remark(kind, owner, "PortInUse", message))
        elif listener.backends:
            self.listeners[listener.key] = listener


def build(services: Iterable[Object], slices: Iterable[Object], pods: Iterable[Object]) -> Table:
    """The table of the whole cluster."""
    by_service: dict[tuple[str, str], list[Object]] = {}
    for piece in slices:
        owner = labels_of(piece).get(SERVICE_NAME)
        if owner:
            by_service.setdefault((namespace_of(piece), owner), []).append(piece)
    table = Table()
    for service in sorted(services, key=lambda one: (namespace_of(one), name_of(one))):
        _add_service(table, service, by_service.get((namespace_of(service), name_of(service)), []))
    for pod in sorted(pods, key=lambda one: one["metadata"].get("creationTimestamp", ""), reverse=True):
        _add_host_ports(table, pod)
    return table


def _add_service(table: Table, service: Object, slices: list[Object]) -> None:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        message = "ExternalName is not implemented: pods resolve names by /etc/hosts, which has no aliases"
        table.remarks.append(Remark(SERVICE, service, "ExternalNameNotSupported", message))
        return
    address = spec.get("clusterIP")
    if not address or address == "None" or is_deleting(service):
        return
    if spec.get("sessionAffinity") == "ClientIP":
        message = "sessionAffinity ClientIP has no effect: all clients on this machine have one address"
        table.remarks.append(Remark(SERVICE, service, "SessionAffinityNotSupported", message))
    for port in spec.get("ports") or []:
        if port.get("protocol", "TCP") != "TCP":
            message = f"port {port['port']}: protocol {port['protocol']} is not implemented, only TCP"
            table.remarks.append(Remark(SERVICE, service, "ProtocolNotSupported", message))
            continue
        backends = usable_backends(slices, port.get("name", ""))
        table.add(Listener(address, port["port"], backends), SERVICE, service)


def usable_backends(slices: Iterable[Object], port_name: str) -> tuple[Backend, ...]:
    """Address and port of every ready endpoint for one named port; when none is ready, of those that still
    serve while they terminate.
    """
    ready: set[Backend] = set()
    ending: set[Backend] = set()
    for piece in slices:
        for port in piece.get("ports") or []:
            if (port.get("name") or "") != port_name or port.get("protocol", "TCP") != "TCP":
                continue
            for endpoint in piece.get("endpoints") or []:
                conditions = endpoint.get("conditions") or {}
                reached = [(address, port["port"]) for address in endpoint["addresses"]]
                if conditions.get("ready", True):
                    ready.update(reached)
                elif conditions.get("serving") and conditions.get("terminating"):
                    ending.update(reached)
    return tuple(sorted(ready or ending))


def _add_host_ports(table: Table, pod: Object) -> None:
    """Host ports lead to the running pod, newest first; on 127.0.0.1 unless hostIP says otherwise."""
    address = (pod.get("status") or {}).get("podIP")
    if not address or phase(pod) != "Running" or is_deleting(pod):
        return
    for port in declared_host_ports(pod):
        host = port.get("hostIP") or LOCALHOST
        if not host.startswith("127."):
            message = f"hostPort {port['hostPort']}: hostIP {host} is not a loopback address"
            table.remarks.append(Remark(POD, pod, "HostPortRefused", message))
            continue
        listener = Listener(host, port["hostPort"], ((address, port["containerPort"]),))
        table.add(listener, POD, pod)


def declared_host_ports(pod: Object) -> list[dict[str, Any]]:
    """The container ports that ask for a host port."""
    containers = pod["spec"]["containers"]
    return [port for one in containers for port in one.get("ports") or [] if port.get("hostPort")]
