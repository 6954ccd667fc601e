"""What the pages show, in their words: plain objects in, rows for the templates out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GOOD, BAD, BUSY, QUIET = "good", "bad", "busy", "quiet"
_REVISION = 12
_FAILING = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "Error")


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    """A workload in one line."""

    namespace: str
    kind: str
    name: str
    ready: int
    desired: int
    images: str
    tone: str


@dataclass(frozen=True, slots=True)
class PodRow:
    """A pod in one line, as `kubectl get pods` has it."""

    namespace: str
    name: str
    status: str
    restarts: int
    age: str
    tone: str


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """An Application in one line."""

    name: str
    sync: str
    health: str
    revision: str
    message: str
    tone: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """An Event in one line."""

    age: str
    subject: str
    reason: str
    message: str
    tone: str


def age(then: str | None, now: datetime) -> str:
    """How long ago, as kubectl writes it; empty when it is not known."""
    if not then:
        return ""
    seconds = int((now - datetime.fromisoformat(then)).total_seconds())
    if seconds < 120:
        return f"{max(0, seconds)}s"
    if seconds < 7200:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 172800 else f"{seconds // 86400}d"


def workload_row(obj: Mapping[str, Any]) -> WorkloadRow:
    """A Deployment, StatefulSet or DaemonSet."""
    spec, status = obj["spec"], obj.get("status") or {}
    daemon = obj["kind"] == "DaemonSet"
    desired = int(status.get("desiredNumberScheduled") or 0) if daemon else int(spec.get("replicas", 1))
    ready = int(status.get("numberReady" if daemon else "readyReplicas") or 0)
    images = [container["image"].partition("@")[0] for container in spec["template"]["spec"]["containers"]]
    metadata = obj["metadata"]
    tone = QUIET if desired == 0 else GOOD if ready >= desired else BUSY
    return WorkloadRow(
        metadata["namespace"], obj["kind"], metadata["name"], ready, desired, ", ".join(images), tone
    )


def pod_row(pod: Mapping[str, Any], now: datetime) -> PodRow:
    """A pod; its status is the most telling of phase, container reason and deletion."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    text = str(status.get("reason") or status.get("phase") or "Unknown")
    for container in containers:
        state = container.get("state") or {}
        waiting = (state.get("waiting") or {}).get("reason") or (state.get("terminated") or {}).get("reason")
        text = str(waiting or text)
    if metadata.get("deletionTimestamp"):
        text = "Terminating"
    ready = bool(containers) and all(container.get("ready") for container in containers)
    tone = BAD if text in _FAILING or text == "Failed" else GOOD if ready else BUSY
    if text in ("Completed", "Succeeded"):
        tone = QUIET
    return PodRow(
        metadata["namespace"],
        metadata["name"],
        text,
        sum(int(container.get("restartCount") or 0) for container in containers),
        age(metadata.get("creationTimestamp"), now),
        tone,
    )


def application_row(obj: Mapping[str, Any]) -> ApplicationRow:
    """An Application of the GitOps controller."""
    status = obj.get("status") or {}
    sync = (status.get("sync") or {}).get("status") or "Unknown"
    health = (status.get("health") or {}).get("status") or "Unknown"
    conditions = [str(one.get("message", "")) for one in status.get("conditions") or []]
    operation = status.get("operationState") or {}
    tone = (
        GOOD
        if (sync, health) == ("Synced", "Healthy")
        else BAD
        if health == "Degraded" or conditions
        else BUSY
    )
    return ApplicationRow(
        obj["metadata"]["name"],
        sync,
        health,
        str((status.get("sync") or {}).get("revision") or "")[:_REVISION],
        "; ".join(conditions) or str(operation.get("message") or ""),
        tone,
    )


def event_row(event: Mapping[str, Any], now: datetime) -> EventRow:
    """An Event; a kill of the chaos agent stands out though it is no warning."""
    subject = event.get("involvedObject") or {}
    when = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    warned = event.get("type") == "Warning" or str(event.get("reason", "")).startswith("Chaos")
    return EventRow(
        age(when, now),
        f"{str(subject.get('kind', '')).lower()}/{subject.get('name', '')}",
        str(event.get("reason", "")),
        str(event.get("message", "")),
        BAD if warned else QUIET,
    )
