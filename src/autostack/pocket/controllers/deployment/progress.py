"""A Deployment's status: its counters and its conditions Available, Progressing and ReplicaFailure. Pure.

Progress is what `kubectl rollout status` and Git-driven deployment wait for: more updated, ready or
available pods, or fewer old ones, within `progressDeadlineSeconds` of the last time there was any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.deployment.rollout import Rollout, status_count
from autostack.pocket.controllers.meta import condition, name_of, time_of, timestamp

NO_DEADLINE = 2**31 - 1
NEW_CREATED, FOUND, UPDATED, COMPLETE = (
    "NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated", "NewReplicaSetAvailable",
)  # fmt: skip
TIMED_OUT, PAUSED, RESUMED = "ProgressDeadlineExceeded", "DeploymentPaused", "DeploymentResumed"

Condition = Mapping[str, Any]


def make_condition(type_: str, status: str, reason: str, message: str, now: datetime) -> dict[str, Any]:
    """A fresh condition."""
    moment = timestamp(now)
    return {
        "type": type_,
        "status": status,
        "lastUpdateTime": moment,
        "lastTransitionTime": moment,
        "reason": reason,
        "message": message,
    }


def merged(conditions: list[Condition], fresh: Condition) -> list[Condition]:
    """`fresh` in the place of its type, unless status and reason are as before."""
    known = next((one for one in conditions if one["type"] == fresh["type"]), None)
    if known and known["status"] == fresh["status"] and known["reason"] == fresh["reason"]:
        return conditions
    if known and known["status"] == fresh["status"]:
        fresh = {**fresh, "lastTransitionTime": known["lastTransitionTime"]}
    return [*(one for one in conditions if one["type"] != fresh["type"]), fresh]


def without(conditions: list[Condition], type_: str) -> list[Condition]:
    """The conditions of other types."""
    return [one for one in conditions if one["type"] != type_]


def conditions_of(deployment: Object) -> list[Condition]:
    """The conditions as stored."""
    return list((deployment.get("status") or {}).get("conditions") or [])


def deadline_s(deployment: Object) -> int | None:
    """`progressDeadlineSeconds`; None when it is the number that means never."""
    value = deployment["spec"].get("progressDeadlineSeconds", 600)
    return None if value == NO_DEADLINE else int(value)


def pause_condition(deployment: Object, now: datetime) -> dict[str, Any] | None:
    """The Progressing condition that tells of a pause or its end; None when it need not change."""
    known = condition(deployment, "Progressing")
    if deadline_s(deployment) is None or (known and known["reason"] == TIMED_OUT):
        return None
    was_paused = known is not None and known["reason"] == PAUSED
    is_paused = bool(deployment["spec"].get("paused"))
    if is_paused and not was_paused:
        return make_condition("Progressing", "Unknown", PAUSED, "Deployment is paused", now)
    if was_paused and not is_paused:
        return make_condition("Progressing", "Unknown", RESUMED, "Deployment is resumed", now)
    return None


def counters(rollout: Rollout, now: datetime) -> dict[str, Any]:
    """The status with its counters and the Available condition; other conditions are as stored."""
    everything = rollout.all
    available = sum(status_count(one, "availableReplicas") for one in everything)
    counts = {
        "replicas": sum(status_count(one, "replicas") for one in everything),
        "updatedReplicas": status_count(rollout.new, "replicas") if rollout.new else 0,
        "readyReplicas": sum(status_count(one, "readyReplicas") for one in everything),
        "availableReplicas": available,
        "unavailableReplicas": max(0, rollout.total() - available),
    }
    stored = rollout.deployment.get("status") or {}
    if available >= rollout.replicas - rollout.max_unavailable:
        told = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        told = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return {
        "observedGeneration": rollout.deployment["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
        **({"collisionCount": stored["collisionCount"]} if "collisionCount" in stored else {}),
        "conditions": merged(conditions_of(rollout.deployment), make_condition("Available", *told, now)),
    }


def is_complete(rollout: Rollout, status: Mapping[str, Any]) -> bool:
    """All pods are of the new template and available, and no old one is left."""
    wanted = rollout.replicas
    return all(status.get(name, 0) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))


def has_progressed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the counters moved towards completion."""

    def outdated(status: Mapping[str, Any]) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    rising = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return outdated(new) < outdated(old) or any(new.get(name, 0) > old.get(name, 0) for name in rising)


def _overdue_at(known: Condition | None, deadline: int) -> datetime | None:
    if known is None or known["reason"] in (COMPLETE, TIMED_OUT):
        return None
    since = time_of(known.get("lastUpdateTime") or known["lastTransitionTime"])
    return since + timedelta(seconds=deadline) if since else None


def status_of(rollout: Rollout, now: datetime) -> dict[str, Any]:
    """The status in the course of a rollout, with the Progressing condition judged against the deadline."""
    status = counters(rollout, now)
    conditions: list[Condition] = status["conditions"]
    deadline = deadline_s(rollout.deployment)
    known = condition(rollout.deployment, "Progressing")
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0) and known is not None
    if deadline is None:
        conditions = without(conditions, "Progressing")
    elif not (settled and known is not None and known["reason"] == COMPLETE):
        fresh = _progress(rollout, status, known, deadline, now)
        if fresh is not None:
            conditions = [*without(conditions, "Progressing"), fresh]
    failures = [
        one for replica_set in rollout.all if (one := condition(replica_set, "ReplicaFailure")) is not None
    ]
    conditions = without(conditions, "ReplicaFailure")
    if failures:
        latest = failures[-1]
        told = make_condition("ReplicaFailure", latest["status"], latest["reason"], latest["message"], now)
        conditions = merged([*conditions, *_stored_failure(rollout)], told)
    return {**status, "conditions": conditions}


def _stored_failure(rollout: Rollout) -> list[Condition]:
    known = condition(rollout.deployment, "ReplicaFailure")
    return [known] if known else []


def _progress(
    rollout: Rollout, status: Mapping[str, Any], known: Condition | None, deadline: int, now: datetime
) -> Condition | None:
    subject = (
        f'ReplicaSet "{name_of(rollout.new)}"'
        if rollout.new
        else f'Deployment "{name_of(rollout.deployment)}"'
    )
    if is_complete(rollout, status):
        message = f"{subject} has successfully progressed."
        fresh = make_condition("Progressing", "True", COMPLETE, message, now)
    elif has_progressed(rollout.deployment.get("status") or {}, status):
        fresh = make_condition("Progressing", "True", UPDATED, f"{subject} is progressing.", now)
    elif (due := _overdue_at(known, deadline)) is not None and due < now:
        message = f"{subject} has timed out progressing."
        fresh = make_condition("Progressing", "False", TIMED_OUT, message, now)
    else:
        return None
    if known and known["status"] == fresh["status"]:
        fresh["lastTransitionTime"] = known["lastTransitionTime"]
        if fresh["reason"] == COMPLETE == known["reason"]:
            return known
    return fresh


def overdue_in_s(deployment: Object, now: datetime) -> float | None:
    """Seconds until the deadline strikes, so that it does so without any other change; None when it can't."""
    deadline = deadline_s(deployment)
    if deadline is None or deployment["spec"].get("paused"):
        return None
    due = _overdue_at(condition(deployment, "Progressing"), deadline)
    return None if due is None else max(0.0, (due - now).total_seconds()) + 1
