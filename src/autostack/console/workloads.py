"""Workloads and pods in the words of `kubectl get`: API objects in, rows for the templates out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autostack.console.tones import BAD, BUSY, GOOD, QUIET
from autostack.console.units import age

_FAILING = (
    "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError",
    "RunContainerError", "OOMKilled", "Error", "Failed", "Evicted",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    """A workload in one line; images are without registry and digest."""

    namespace: str
    kind: str
    name: str
    ready: int
    desired: int
    images: str
    tone: str


@dataclass(frozen=True, slots=True)
class PodRow:
    """A pod in one line; `why` is the container's own word on what is wrong with it."""

    namespace: str
    name: str
    status: str
    ready: str
    restarts: int
    age: str
    why: str
    tone: str


def workload_row(obj: Mapping[str, Any]) -> WorkloadRow:
    """A Deployment, StatefulSet or DaemonSet."""
    spec, status = obj["spec"], obj.get("status") or {}
    daemon = obj["kind"] == "DaemonSet"
    desired = int(status.get("desiredNumberScheduled") or 0) if daemon else int(spec.get("replicas", 1))
    ready = int(status.get("numberReady" if daemon else "readyReplicas") or 0)
    images = [container["image"].partition("@")[0] for container in spec["template"]["spec"]["containers"]]
    short = [image.rpartition("/")[2] for image in images]
    metadata = obj["metadata"]
    tone = QUIET if desired == 0 else GOOD if ready >= desired else BUSY
    return WorkloadRow(
        metadata["namespace"], obj["kind"], metadata["name"], ready, desired, ", ".join(short), tone
    )


def pod_row(pod: Mapping[str, Any], now: datetime) -> PodRow:
    """A pod; its status is the most telling of phase, container reason and deletion."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    text, why = (
        str(status.get("reason") or status.get("phase") or "Unknown"),
        str(status.get("message") or ""),
    )
    for container in containers:
        state = container.get("state") or {}
        stuck = state.get("waiting") or state.get("terminated") or {}
        text, why = str(stuck.get("reason") or text), str(stuck.get("message") or why)
    if metadata.get("deletionTimestamp"):
        text = "Terminating"
    ready = [bool(container.get("ready")) for container in containers]
    tone = BAD if text in _FAILING else GOOD if ready and all(ready) else BUSY
    if text in ("Completed", "Succeeded"):
        tone = QUIET
    return PodRow(
        namespace=metadata["namespace"],
        name=metadata["name"],
        status=text,
        ready=f"{sum(ready)}/{len(ready)}",
        restarts=sum(int(container.get("restartCount") or 0) for container in containers),
        age=age(metadata.get("creationTimestamp"), now),
        why=why if tone == BAD else "",
        tone=tone,
    )
