"""What a pod may ask for that this node can't give. Pure: a pod in, refusals and reservations out.

A refused field keeps the pod waiting with the reason and an Event, because running it without would be
another pod than the one asked for. A reservation is only told, because the pod works without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autostack.pocket.client import Object

VOLUME_TYPES = frozenset(
    {"emptyDir", "configMap", "secret", "projected", "downwardAPI", "persistentVolumeClaim", "hostPath"}
)
_PROJECTIONS = frozenset({"serviceAccountToken", "configMap", "secret", "downwardAPI"})


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One field; `refused` or only told."""

    path: str
    message: str
    refused: bool


def shortfalls(pod: Object) -> list[Shortfall]:
    """Everything in the pod that this node does not do as asked."""
    found = [*_pod_level(pod["spec"])]
    for section in ("initContainers", "containers"):
        for container in pod["spec"].get(section) or []:
            found += _container_level(container, f"spec.{section}[{container['name']}]")
    for volume in pod["spec"].get("volumes") or []:
        found += _volume_level(volume)
    return found


def _pod_level(spec: dict[str, Any]) -> Iterator[Shortfall]:
    for field, why in (
        ("hostPID", "pods never see the host's processes"),
        ("hostIPC", "pods never share the host's IPC namespace"),
        ("shareProcessNamespace", "each container has a PID namespace of its own"),
        ("runtimeClassName", "there is one runtime, bubblewrap"),
    ):
        if spec.get(field):
            yield Shortfall(f"spec.{field}", why, refused=True)
    if (spec.get("securityContext") or {}).get("sysctls"):
        yield Shortfall("spec.securityContext.sysctls", "the kernel's settings are the host's", refused=True)
    if spec.get("dnsConfig") or spec.get("dnsPolicy") in ("None", "Default"):
        yield Shortfall(
            "spec.dnsPolicy",
            "names come from /etc/hosts; dnsPolicy and dnsConfig have no effect",
            refused=False,
        )
    if spec.get("ephemeralContainers"):
        yield Shortfall("spec.ephemeralContainers", "use `kubectl exec`", refused=False)


def _container_level(container: dict[str, Any], path: str) -> Iterator[Shortfall]:
    security = container.get("securityContext") or {}
    if security.get("privileged"):
        yield Shortfall(
            f"{path}.securityContext.privileged", "pods never get the host's rights", refused=True
        )
    added = (security.get("capabilities") or {}).get("add")
    if added:
        message = f"capabilities are never granted: {', '.join(added)}"
        yield Shortfall(f"{path}.securityContext.capabilities.add", message, refused=False)
    if container.get("volumeDevices"):
        yield Shortfall(f"{path}.volumeDevices", "there are no block volumes", refused=True)
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if "grpc" in (container.get(kind) or {}):
            yield Shortfall(
                f"{path}.{kind}.grpc",
                "gRPC probes are not implemented; use httpGet, tcpSocket or exec",
                refused=True,
            )


def _volume_level(volume: dict[str, Any]) -> Iterator[Shortfall]:
    types = [key for key in volume if key != "name"]
    path = f"spec.volumes[{volume['name']}]"
    for unknown in (one for one in types if one not in VOLUME_TYPES):
        yield Shortfall(f"{path}.{unknown}", f"volumes of type {unknown} are not implemented", refused=True)
    for source in (volume.get("projected") or {}).get("sources") or []:
        for unknown in (one for one in source if one not in _PROJECTIONS):
            yield Shortfall(
                f"{path}.projected.{unknown}", f"a projected {unknown} is not implemented", refused=True
            )
