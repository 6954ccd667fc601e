"""The Node object and its lease: what this machine is, and that its kubelet lives."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autostack.pocket.client import ApiClient, Object, Resource
from autostack.pocket.controllers.kinds import NODE
from autostack.pocket.controllers.meta import timestamp
from autostack.pocket.errors import ApiError
from autostack.pocket.kubelet.attempts import boot_id
from autostack.pocket.kubelet.node import Node

log = logging.getLogger(__name__)

LEASE = Resource("coordination.k8s.io", "v1", "leases")
LEASES = "kube-node-lease"
BEAT_S = 10.0
LEASE_S = 40
STATUS_S = 300.0
VERSION = "v1.37.0+pocket"
ENFORCEMENT = "pocket.autostack.dev/limits"
_FREE_DISK_BYTES = 256 << 20
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def node_labels(name: str) -> dict[str, str]:
    """The well-known labels."""
    machine = _MACHINES.get(platform.machine(), platform.machine())
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": machine,
        "node-role.kubernetes.io/control-plane": "true",
    }


def node_status(node: Node, old: Object, now: datetime) -> dict[str, Any]:
    """Conditions, capacity, addresses and versions."""
    disk = shutil.disk_usage(node.settings.folder)
    capacity = {
        "cpu": str(node.cpus),
        "memory": f"{node.memory_bytes // 1024}Ki",
        "ephemeral-storage": f"{disk.total // 1024}Ki",
        "pods": "250",
    }
    full = disk.free < _FREE_DISK_BYTES
    conditions = [
        ("MemoryPressure", False, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", full, "KubeletHasDiskPressure" if full else "KubeletHasNoDiskPressure",
         f"{disk.free >> 20} MiB are free in {node.settings.folder}"),
        ("PIDPressure", False, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", True, "KubeletReady", "kubelet is posting ready status"),
    ]  # fmt: skip
    return {
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": node.settings.host_ip},
            {"type": "Hostname", "address": node.settings.name},
        ],
        "conditions": [_condition(*one, old=old, now=now) for one in conditions],
        "nodeInfo": _node_info(),
    }


def _condition(
    type_: str, value: object, reason: str, message: str, *, old: Object, now: datetime
) -> dict[str, Any]:
    status = "True" if value else "False"
    known = (old.get("status") or {}).get("conditions") or []
    before = next((one for one in known if one["type"] == type_ and one["status"] == status), None)
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": before["lastTransitionTime"] if before else timestamp(now),
    }


def _node_info() -> dict[str, Any]:
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    machine_id = Path("/etc/machine-id")
    return {
        "machineID": machine_id.read_text().strip() if machine_id.exists() else "",
        "systemUUID": "",
        "bootID": boot_id(),
        "kernelVersion": platform.release(),
        "osImage": release.get("PRETTY_NAME", "Linux"),
        "containerRuntimeVersion": "bubblewrap://0",
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": _MACHINES.get(platform.machine(), platform.machine()),
    }


class Heartbeat:
    """Registers the node and renews it until cancelled."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._client: ApiClient = node.cluster.client

    async def register(self) -> None:
        """Make the Node object, or bring it up to date after a restart."""
        name = self._node.settings.name
        limits = (
            f"cgroup v{self._node.cgroups.version}"
            if self._node.cgroups
            else "memory by watching, CPU not enforced"
        )
        metadata = {"name": name, "labels": node_labels(name), "annotations": {ENFORCEMENT: limits}}
        try:
            obj = await self._client.create(
                NODE.resource, {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}}
            )
        except ApiError as error:
            if error.code != 409:
                raise
            obj = await self._client.patch(NODE.resource, name, {"metadata": metadata})
        await self._report(obj)

    async def _report(self, obj: Object) -> None:
        status = node_status(self._node, obj, datetime.now(UTC))
        await self._client.patch(
            NODE.resource, self._node.settings.name, {"status": status}, subresource="status"
        )

    async def run(self) -> None:
        """Renew the lease, and now and then the status."""
        since_status_s = 0.0
        while True:
            try:
                await self._renew()
                if since_status_s >= STATUS_S:
                    since_status_s = 0.0
                    await self._report(await self._client.get(NODE.resource, self._node.settings.name))
            except ApiError as error:
                if error.code == 404 and error.reason == "NotFound":
                    await self.register()  # somebody deleted the node, and it lives
                else:
                    log.warning("heartbeat failed", extra={"error": error.message})
            await asyncio.sleep(BEAT_S)
            since_status_s += BEAT_S

    async def _renew(self) -> None:
        name = self._node.settings.name
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_S, "renewTime": moment}
        try:
            await self._client.patch(LEASE, name, {"spec": spec}, LEASES)
        except ApiError as error:
            if error.code != 404:
                raise
            node = await self._client.get(NODE.resource, name)
            owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": LEASES, "ownerReferences": [owner]},
                "spec": spec,
            }
            await self._client.create(LEASE, lease, LEASES)


def default_node_name() -> str:
    """The machine's name, as an object name."""
    name = os.uname().nodename.lower().split(".")[0]
    clean = "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in name).strip("-")
    return clean[:63] or "pocket"
