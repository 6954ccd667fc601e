"""When a sync begins, is tried again, and ends: decisions over status.operationState, which is all that is
remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autostack.gitops.application import Application, Retry
from autostack.gitops.comparison import OUT_OF_SYNC, Comparison, prunable
from autostack.gitops.moments import age_s, rfc3339
from autostack.gitops.objects import Object
from autostack.gitops.plan import ERROR, FAILED, PRUNE_SKIPPED, PRUNED, RUNNING, SUCCEEDED, Outcome, Task

TERMINATING = "Terminating"
COMPLETED = (SUCCEEDED, FAILED, ERROR)
# A heal is immediate; but what undoes each heal within moments must not be fought at full speed.
_HEAL_BACKOFF_S = (0.0, 0.0, 1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 180.0)
_HEAL_CALM_S = 5.0


@dataclass(frozen=True, slots=True)
class Begin:
    """Start this operation now."""

    operation: Object


@dataclass(frozen=True, slots=True)
class Hold:
    """Do not sync: because of an error to show, or for `again_in_s` seconds, or simply because nothing is
    to do.
    """

    error: str = ""
    again_in_s: float | None = None


def automatic(  # noqa: PLR0911 - one return for each reason
    app: Application,
    comparison: Comparison,
    revision: str,
    state: Object | None,
    now: datetime,
    *,
    drifted_at: datetime,
) -> Begin | Hold:
    """Whether to sync by itself. A revision is tried once (with its retries); after success only drift is
    healed, and what drifts again as soon as it is healed ever later. `drifted_at` is when the present
    difference was first seen.
    """
    if app.automated is None or comparison.sync_status != OUT_OF_SYNC:
        return Hold()
    differing = [item for item in comparison.resources if item.counts and not item.is_synced]
    if all(item.requires_pruning for item in differing) and not (
        app.automated.prune and any(map(prunable, differing))
    ):
        return Hold()
    tracked = [item for item in comparison.resources if not item.hook]
    if (
        app.automated.prune
        and not app.automated.allow_empty
        and all(item.requires_pruning for item in tracked)
    ):
        return Hold(
            f"Skipping sync attempt to {revision}: auto-sync will wipe out all resources; "
            "set syncPolicy.automated.allowEmpty if that is meant"
        )
    sync: Object = {
        "source": app.source.raw,
        "revision": revision,
        "prune": app.automated.prune,
        "syncOptions": (app.raw["spec"].get("syncPolicy") or {}).get("syncOptions") or [],
    }
    if state is not None and _was_attempted(app, revision, state):
        if state.get("phase") != SUCCEEDED:
            return Hold(f"Failed last sync attempt to {revision}: {state.get('message', '')}")
        if not app.automated.self_heal:
            return Hold()
        attempts = _heal_attempts(state, drifted_at)
        wait_s = _HEAL_BACKOFF_S[min(attempts, len(_HEAL_BACKOFF_S) - 1)]
        wait_s -= age_s(state.get("finishedAt"), now)
        names = [_resource_name(item.key.group, item.key) for item in differing]
        if wait_s > 0:
            healed = ((state.get("operation") or {}).get("sync") or {}).get("resources") or []
            names = [name for name in names if name not in healed]  # not what is being fought over
            if not names:
                return Hold(again_in_s=wait_s)
        sync["autoHealAttemptsCount"] = attempts + 1
        sync["resources"] = names
    retry = (app.raw["spec"].get("syncPolicy") or {}).get("retry") or {"limit": 5}
    return Begin({"sync": sync, "initiatedBy": {"automated": True}, "retry": retry})


def _resource_name(group: str, key: Any) -> Object:
    named = {"kind": key.kind, "name": key.name}
    if group:
        named["group"] = group
    if key.namespace:
        named["namespace"] = key.namespace
    return named


def _was_attempted(app: Application, revision: str, state: Object) -> bool:
    result = state.get("syncResult") or {}
    if state.get("phase") not in COMPLETED:
        return False
    return result.get("revision") == revision and result.get("source") == app.source.raw


def _heal_attempts(state: Object, drifted_at: datetime) -> int:
    if age_s(state.get("finishedAt"), drifted_at) > _HEAL_CALM_S:
        return 0
    return int(((state.get("operation") or {}).get("sync") or {}).get("autoHealAttemptsCount", 0))


def started(operation: Object, *, revision: str, source: Object, now: datetime) -> Object:
    """The operationState of an operation that begins."""
    return {
        "operation": operation,
        "phase": RUNNING,
        "message": "waiting to start",
        "startedAt": rfc3339(now),
        "syncResult": {"revision": revision, "source": source, "resources": []},
    }


def ended(state: Object, *, phase: str, message: str, retry: Retry, now: datetime) -> Object:
    """The state after an end: over, or waiting for its next attempt (phase stays Running, as in Argo CD)."""
    count = int(state.get("retryCount", 0))
    finished = {**state, "phase": phase, "message": message, "finishedAt": rfc3339(now)}
    if phase == SUCCEEDED or (retry.limit >= 0 and count >= retry.limit):
        if count and phase != SUCCEEDED:
            finished["message"] = f"{message} (retried {count} times)."
        return finished
    delay_s = retry_delay_s(retry, count)
    return {
        **finished,
        "phase": RUNNING,
        "retryCount": count + 1,
        "message": f"{message}. Retrying attempt #{count + 1} in {delay_s:g} s.",
    }


def retry_delay_s(retry: Retry, count: int) -> float:
    """The wait before the attempt after `count` retries."""
    return float(min(retry.duration_s * retry.factor ** min(count, 30), retry.max_duration_s))


def retry_wait_s(state: Object, retry: Retry, now: datetime) -> float | None:
    """How long until the next attempt; None when no retry is being waited for."""
    if state.get("phase") != RUNNING or not state.get("finishedAt"):
        return None
    return max(
        0.0, retry_delay_s(retry, int(state.get("retryCount", 1)) - 1) - age_s(state["finishedAt"], now)
    )


def retried(state: Object) -> Object:
    """The state as the next attempt begins."""
    fresh = {name: value for name, value in state.items() if name != "finishedAt"}
    return {**fresh, "message": "retrying", "syncResult": {**state["syncResult"], "resources": []}}


def outcomes(state: Object) -> dict[tuple[str, str, str, str, str], Outcome]:
    """What the tasks came to so far, by (phase, group, kind, namespace, name)."""
    return {
        (
            entry.get("syncPhase", "Sync"),
            entry["group"],
            entry["kind"],
            entry["namespace"],
            entry["name"],
        ): Outcome(entry.get("status", ""), entry.get("hookPhase", ""), entry.get("message", ""))
        for entry in (state.get("syncResult") or {}).get("resources") or []
    }


def with_tasks(state: Object, tasks: list[Task], message: str) -> Object:
    """The state with the outcomes of these tasks."""
    entries = list(_entries_of_others(state, tasks))
    for task in tasks:
        if task.is_pending:
            continue
        entry = {
            "group": task.key.group,
            "version": task.version,
            "kind": task.key.kind,
            "namespace": task.key.namespace,
            "name": task.key.name,
            "message": task.outcome.message,
            "hookPhase": task.outcome.phase,
            "syncPhase": task.phase,
        }
        if task.outcome.status:
            entry["status"] = task.outcome.status
        if task.hook:
            entry["hookType"] = task.phase
        entries.append(entry)
    return {**state, "message": message, "syncResult": {**state["syncResult"], "resources": entries}}


def _entries_of_others(state: Object, tasks: list[Task]) -> Iterator[Object]:
    # A pruned object is gone from the comparison, and so is its task; what became of it stays on record.
    present = {(task.phase, *task.key) for task in tasks}
    for entry in state["syncResult"].get("resources") or []:
        name = (
            entry.get("syncPhase", "Sync"),
            entry["group"],
            entry["kind"],
            entry["namespace"],
            entry["name"],
        )
        if name not in present and entry.get("status") in {PRUNED, PRUNE_SKIPPED}:
            yield entry


def with_history(history: list[Object], state: Object, *, limit: int, now: datetime) -> list[Object]:
    """The history after a whole sync that succeeded; ids grow for ever, the oldest entries go."""
    sync, result = state["operation"].get("sync") or {}, state["syncResult"]
    if state["phase"] != SUCCEEDED or sync.get("resources") or sync.get("dryRun"):
        return history
    entry = {
        "id": history[-1]["id"] + 1 if history else 0,
        "revision": result["revision"],
        "source": result["source"],
        "deployStartedAt": state["startedAt"],
        "deployedAt": rfc3339(now),
        "initiatedBy": state["operation"].get("initiatedBy") or {},
    }
    return [*history, entry][-limit:] if limit > 0 else []
