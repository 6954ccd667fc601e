"""Events as a person reads them: what repeats is one line, routine is left out unless asked for. Pure.

A rollout writes five Events a pod; the one that says why it hangs must not drown in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autostack.console.tones import BAD, QUIET, WARN
from autostack.console.units import age

ROUTINE = frozenset({
    "Scheduled", "Pulling", "Pulled", "Created", "Started", "SuccessfulCreate", "SuccessfulDelete", "Killing",
    "ProvisioningSucceeded", "WaitForFirstConsumer", "ScalingReplicaSet", "SawCompletedJob",
})  # fmt: skip
_GRAVE = ("ChaosKill", "ReleaseReverted", "BackOff", "Failed", "OperationFailed", "OOM", "Evicted")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_COMMIT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}\b")


@dataclass(frozen=True, slots=True)
class EventRow:
    """One occurrence, or many of one kind; `age` is of the last."""

    age: str
    subject: str
    reason: str
    message: str
    times: int
    tone: str


@dataclass(frozen=True, slots=True)
class Events:
    """The rows, newest first, and how many Events of the routine are not among them."""

    rows: list[EventRow]
    left_out: int


def moment(event: Mapping[str, Any]) -> str:
    """When it happened last."""
    series = event.get("series") or {}
    return str(
        event.get("lastTimestamp")
        or series.get("lastObservedTime")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def summary(
    events: Iterable[Mapping[str, Any]], now: datetime, *, limit: int, routine: bool = False
) -> Events:
    """The newest `limit` occurrences; those of one reason with one message are one row."""
    merged: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    left_out = 0
    for event in sorted(events, key=moment, reverse=True):
        if not routine and _is_routine(event):
            left_out += 1
            continue
        kind = str((event.get("involvedObject") or {}).get("kind", ""))
        words = _ADDRESS.sub("", _message(event))  # the same of each replica
        merged.setdefault((kind, str(event.get("reason", "")), words), []).append(event)
    return Events([_row(found, now) for found in list(merged.values())[:limit]], left_out)


def _is_routine(event: Mapping[str, Any]) -> bool:
    """What every start of every pod brings; a start that fails at last is told as BackOff."""
    if event.get("reason") == "Unhealthy":
        return str(event.get("message", "")).startswith("Startup probe")
    return event.get("type") != "Warning" and event.get("reason") in ROUTINE


def _row(found: list[Mapping[str, Any]], now: datetime) -> EventRow:
    newest = found[0]
    subject = newest.get("involvedObject") or {}
    names = {str((event.get("involvedObject") or {}).get("name", "")) for event in found}
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return EventRow(
        age=age(moment(newest), now),
        subject=f"{str(subject.get('kind', '')).lower()}/{subject.get('name', '')}{more}",
        reason=str(newest.get("reason", "")),
        message=_message(newest),
        times=sum(int(event.get("count") or 1) for event in found),
        tone=_tone(newest),
    )


def _message(event: Mapping[str, Any]) -> str:
    """Without what no person compares: digests, and the tail of commit ids."""
    return _COMMIT.sub(r"\1", _DIGEST.sub("", str(event.get("message", ""))))


def _tone(event: Mapping[str, Any]) -> str:
    reason = str(event.get("reason", ""))
    if reason.startswith(_GRAVE):
        return BAD
    return WARN if event.get("type") == "Warning" else QUIET
