"""An Application's status, derived in one place and written as one patch, with Argo CD's field names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from autostack.gitops import pruning, tracking
from autostack.gitops.application import Application
from autostack.gitops.comparison import OUT_OF_SYNC, SYNCED, UNKNOWN, Comparison, Desired, Resource
from autostack.gitops.moments import rfc3339
from autostack.gitops.objects import Object, ObjectKey, is_being_deleted, option_set


def resource_entry(resource: Resource) -> Object:
    """One entry of status.resources."""
    entry: Object = {"kind": resource.key.kind, "name": resource.key.name, "version": resource.version}
    if resource.key.group:
        entry["group"] = resource.key.group
    if resource.key.namespace:
        entry["namespace"] = resource.key.namespace
    if resource.hook:
        entry["hook"] = True
    else:
        entry["status"] = SYNCED if resource.is_synced else OUT_OF_SYNC
    if resource.wave:
        entry["syncWave"] = resource.wave
    if resource.requires_pruning:
        entry["requiresPruning"] = True
    if resource.health:
        entry["health"] = {"status": resource.health.status}
        if resource.health.message:
            entry["health"]["message"] = resource.health.message
    return entry


def compared_to(app: Application) -> Object:
    """What the comparison was made with."""
    shown: Object = {"source": app.source.raw, "destination": app.destination}
    if app.raw["spec"].get("ignoreDifferences"):
        shown["ignoreDifferences"] = app.raw["spec"]["ignoreDifferences"]
    return shown


def compared(app: Application, comparison: Comparison, revision: str, *, is_current: bool) -> Object:
    """The part of the status that a comparison gives; sync is Unknown when Git's newest state cannot be
    read.
    """
    return {
        "sync": {
            "status": comparison.sync_status if is_current else UNKNOWN,
            "revision": revision,
            "comparedTo": compared_to(app),
        },
        "health": {"status": comparison.health_status},
        "resources": [resource_entry(item) for item in comparison.resources],
        "summary": {"images": sorted(set(images(comparison)))},
        "resourceHealthSource": "inline",
    }


def images(comparison: Comparison) -> Iterator[str]:
    """The images of the workloads that run."""
    for resource in comparison.resources:
        spec = (resource.live or {}).get("spec") or {}
        template = (
            spec.get("template") or ((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
        )
        pod = template.get("spec") or (spec if resource.key.kind == "Pod" else {})
        for container in [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]:
            if container.get("image"):
                yield container["image"]


def refused_prunes(comparison: Comparison) -> str:
    """A sentence for what is no longer in Git and yet kept because it holds data; "" for none."""
    kept = [
        str(item.key)
        for item in comparison.resources
        if item.requires_pruning
        and item.live
        and item.key.kind in pruning.HOLDS_DATA
        and pruning.refusal(item.live, asked=True)
    ]
    if not kept:
        return ""
    return (
        f"{', '.join(kept)} left Git and stays, because it may hold data; delete it by "
        f"hand, or annotate it with "
        "argocd.argoproj.io/sync-options: Prune=true"
    )


def leaving_claims(app: Application, live: Mapping[ObjectKey, Object]) -> str:
    """A sentence for claims that somebody deleted and only their pods still hold; "" for none."""
    leaving = [
        key.name
        for key, obj in live.items()
        if (key.group, key.kind, key.namespace) == ("", "PersistentVolumeClaim", app.destination_namespace)
        and is_being_deleted(obj)
        and "Prune=true" not in option_set(obj)
    ]
    if not leaving:
        return ""
    return (
        f"PersistentVolumeClaim {', '.join(sorted(leaving))} was deleted, which cannot be undone; "
        "its data stays as long as a pod uses it: save it before that pod ends"
    )


def shared(app: Application, comparison: Comparison) -> list[str]:
    """What another Application applied too, in Argo CD's words: the two would undo each other's work."""
    found = []
    for item in comparison.resources:
        owner = tracking.owner(item.live) if item.desired and item.live else None
        if owner not in {None, app.name}:
            names = f"applications {app.namespace}/{app.name} and {owner}"
            found.append(f"{item.key.kind}/{item.key.name} is part of {names}")
    return found


def repeated(desired: Iterable[Desired]) -> list[str]:
    """What stands in Git more than once: only the last one counts."""
    seen, found = set(), []
    for item in desired:
        if item.key in seen:
            found.append(f"Resource {item.key} appears more than once among application resources")
        seen.add(item.key)
    return found


def conditions(found: dict[str, str], before: list[Object], now: datetime) -> list[Object]:
    """The conditions by type; one that was there already keeps the time at which it came."""
    since = {(entry.get("type"), entry.get("message")): entry.get("lastTransitionTime") for entry in before}
    return [
        {"type": kind, "message": message, "lastTransitionTime": since.get((kind, message)) or rfc3339(now)}
        for kind, message in sorted(found.items())
    ]


def with_transition(health: Object, before: Object, now: datetime) -> Object:
    """The health with the time since which it is so."""
    same = health.get("status") == before.get("status")
    return {**health, "lastTransitionTime": (same and before.get("lastTransitionTime")) or rfc3339(now)}


def patch(before: Object, after: Object) -> Object:
    """The merge patch from one status to the next; {} when nothing changed."""
    changed: dict[str, Any] = {}
    for name, value in after.items():
        if before.get(name) != value:
            changed[name] = _replacing(before.get(name), value)
    return changed


def _replacing(before: Any, after: Any) -> Any:
    # A merge patch only removes what it names: fields that the new value lacks are named with null.
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    merged: dict[str, Any] = {name: _replacing(before.get(name), value) for name, value in after.items()}
    return merged | {name: None for name in before if name not in after}
