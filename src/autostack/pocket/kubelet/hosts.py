"""The names that a pod can resolve, as an /etc/hosts. Pure.

Every Service of every namespace is there under the names that cluster DNS would give it, as seen from the
pod's namespace: ClusterIP Services with their address, headless ones with all ready addresses (getaddrinfo
returns all of them, as /etc/host.conf says `multi on`), StatefulSet pods with their stable names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autostack.pocket.client import Object

DOMAIN = "cluster.local"
_OWN = """127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
"""


def hosts_text(
    *, own_address: str, own_names: Iterable[str], aliases: Iterable[Mapping[str, object]], services: str
) -> str:
    """One pod's file; `services` is the part it shares with all pods of its namespace."""
    lines = [f"{own_address} {' '.join(own_names)}\n"]
    for alias in aliases:
        names = alias.get("hostnames")
        lines.append(f"{alias['ip']} {' '.join(names) if isinstance(names, list) else ''}\n")
    return _OWN + "".join(lines) + services


def service_lines(namespace: str, services: Iterable[Object], slices: Iterable[Object]) -> str:
    """The names of all Services as a pod in `namespace` sees them, in a stable order."""
    by_service: dict[tuple[str, str], list[Object]] = {}
    for piece in slices:
        owner = (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
        if owner:
            by_service.setdefault((piece["metadata"]["namespace"], owner), []).append(piece)
    lines: list[str] = []
    for service in services:
        metadata = service["metadata"]
        name, home = metadata["name"], metadata["namespace"]
        address = service["spec"].get("clusterIP")
        if address and address != "None":
            lines.append(f"{address} {_names(name, home, namespace)}\n")
        elif address == "None":
            lines += _headless(service, by_service.get((home, name), []), namespace)
    return "".join(sorted(lines))


def _names(name: str, home: str, viewer: str) -> str:
    forms = [f"{name}.{home}.svc.{DOMAIN}", f"{name}.{home}.svc", f"{name}.{home}"]
    return " ".join([*forms, name] if home == viewer else forms)


def _headless(service: Object, slices: Iterable[Object], viewer: str) -> list[str]:
    name, home = service["metadata"]["name"], service["metadata"]["namespace"]
    unready_too = service["spec"].get("publishNotReadyAddresses", False)
    lines = []
    for piece in slices:
        for endpoint in piece.get("endpoints") or []:
            ready = (endpoint.get("conditions") or {}).get("ready", True)
            if not ready and not unready_too:
                continue
            own = endpoint.get("hostname")
            stable = _names(f"{own}.{name}", home, viewer) + " " if own else ""
            lines += [
                f"{address} {stable}{_names(name, home, viewer)}\n" for address in endpoint["addresses"]
            ]
    return lines
