"""An Application of the GitOps controller: one line of it, and all of it as a tree. Pure.

The tree is joined from the Application's own status and the owner references of what controllers made, so it
needs no right to read the resources themselves, and never shows a Secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autostack.console.tones import BAD, BUSY, GOOD, QUIET, WARN
from autostack.console.units import age
from autostack.console.workloads import pod_row

REVISION = 12
_TONES = {
    "Healthy": GOOD,
    "Progressing": BUSY,
    "Degraded": BAD,
    "Missing": BAD,
    "Suspended": QUIET,
}


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """An Application in one line."""

    namespace: str
    name: str
    sync: str
    health: str
    revision: str
    message: str
    tone: str


@dataclass(frozen=True, slots=True)
class Node:
    """A line of the tree; `depth` 0 is a resource from Git."""

    depth: int
    kind: str
    name: str
    sync: str
    health: str
    message: str
    tone: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """An entry of the history."""

    id: int
    revision: str
    age: str
    by: str


def application_row(obj: Mapping[str, Any]) -> ApplicationRow:
    """The line."""
    status, metadata = obj.get("status") or {}, obj["metadata"]
    sync = (status.get("sync") or {}).get("status") or "Unknown"
    health = (status.get("health") or {}).get("status") or "Unknown"
    told = conditions(obj)
    operation = status.get("operationState") or {}
    return ApplicationRow(
        namespace=str(metadata.get("namespace", "")),
        name=metadata["name"],
        sync=sync,
        health=health,
        revision=str((status.get("sync") or {}).get("revision") or "")[:REVISION],
        message="; ".join(told) or str(operation.get("message") or ""),
        tone=_application_tone(obj, sync, health),
    )


def _application_tone(obj: Mapping[str, Any], sync: str, health: str) -> str:
    status = obj.get("status") or {}
    types = [str(one.get("type", "")) for one in status.get("conditions") or []]
    failed = (status.get("operationState") or {}).get("phase") in ("Failed", "Error")
    if health == "Degraded" or failed or any(one.endswith("Error") for one in types):
        return BAD
    if types:  # a warning, or that the release guard took a version back
        return WARN
    return GOOD if (sync, health) == ("Synced", "Healthy") else BUSY


def conditions(obj: Mapping[str, Any]) -> list[str]:
    """What the controller complains about."""
    found = (obj.get("status") or {}).get("conditions") or []
    return [f"{one.get('type', '')}: {one.get('message', '')}" for one in found]


def history(obj: Mapping[str, Any], now: datetime) -> list[Deployed]:
    """The deployments, newest first."""
    found = (obj.get("status") or {}).get("history") or []
    return [
        Deployed(
            id=int(one.get("id", 0)),
            revision=str(one.get("revision", ""))[:REVISION],
            age=age(one.get("deployedAt"), now),
            by="the controller"
            if initiator.get("automated")
            else str(initiator.get("username") or "a person"),
        )
        for one in reversed(found)
        for initiator in [one.get("initiatedBy") or {}]
    ]


def tree(
    obj: Mapping[str, Any], made: Iterable[Mapping[str, Any]], now: datetime, *, hidden: frozenset[str]
) -> list[Node]:
    """The resources, workloads first, and below each what controllers `made` of it; kinds in `hidden` are
    passed over.
    """
    below: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in made:
        for owner in one["metadata"].get("ownerReferences") or []:
            key = (owner["kind"], str(one["metadata"].get("namespace", "")), owner["name"])
            below.setdefault(key, []).append(one)
    resources = (obj.get("status") or {}).get("resources") or []
    roots = sorted(
        resources, key=lambda entry: (entry["kind"] not in _WORKLOADS, entry["kind"], entry["name"])
    )
    return [
        node
        for entry in roots
        if entry["kind"] not in hidden
        for node in (_resource(entry), *_below(entry["kind"], entry, below, now, depth=1))
    ]


_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def _resource(entry: Mapping[str, Any]) -> Node:
    sync, health = str(entry.get("status") or "Unknown"), entry.get("health") or {}
    state = str(health.get("status") or "")
    tone = BUSY if sync != "Synced" and state not in ("Degraded", "Missing") else _TONES.get(state, QUIET)
    return Node(
        depth=0,
        kind=entry["kind"],
        name=entry["name"],
        sync=sync,
        health=state,
        message=str(health.get("message") or ""),
        tone=tone,
    )


def _below(
    kind: str,
    entry: Mapping[str, Any],
    below: Mapping[tuple[str, str, str], list[Mapping[str, Any]]],
    now: datetime,
    *,
    depth: int,
) -> Iterator[Node]:
    key = (kind, str(entry.get("namespace", "")), str(entry["name"]))
    for child in sorted(below.get(key, []), key=lambda one: str(one["metadata"]["name"])):
        metadata = child["metadata"]
        if child["kind"] == "ReplicaSet" and not (child.get("spec") or {}).get("replicas"):
            continue  # kept for a rollback only
        yield _made(child, now, depth)
        yield from _below(child["kind"], metadata, below, now, depth=depth + 1)


def _made(child: Mapping[str, Any], now: datetime, depth: int) -> Node:
    if child["kind"] == "Pod":
        row = pod_row(child, now)
        return Node(depth, "Pod", row.name, "", row.status, row.why, row.tone)
    spec, status = child.get("spec") or {}, child.get("status") or {}
    if child["kind"] == "ReplicaSet":
        ready, wanted = int(status.get("readyReplicas") or 0), int(spec.get("replicas") or 0)
        tone = GOOD if ready >= wanted else BUSY
        return Node(depth, "ReplicaSet", child["metadata"]["name"], "", f"{ready}/{wanted} ready", "", tone)
    return Node(depth, child["kind"], child["metadata"]["name"], "", "", "", QUIET)
