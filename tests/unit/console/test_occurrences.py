"""Events: repeats are one line, routine is left out, and what is grave is seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from autostack.console import occurrences
from autostack.console.tones import BAD, QUIET, WARN

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _event(
    reason: str, message: str = "m", *, name: str = "p", second: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "metadata": {},
        "involvedObject": {"kind": "Pod", "name": name},
        "reason": reason,
        "message": message,
        "lastTimestamp": f"2026-01-01T23:59:{second:02}Z",
        **more,
    }


def test_the_same_of_every_replica_is_one_line() -> None:
    probe = 'Readiness probe failed: Get "http://127.80.0.{}:8000/readyz": refused'
    events = [
        _event(
            "Unhealthy", probe.format(number), name=f"w-{number}", second=number, type="Warning", count=number
        )
        for number in (1, 2, 3)
    ]
    (row,) = occurrences.summary(events, NOW, limit=9).rows
    assert (row.age, row.subject, row.times, row.tone) == ("57s", "pod/w-3 and 2 more", 6, WARN)


def test_routine_is_counted_and_shown_when_asked_for() -> None:
    events = [
        _event("Pulled", "x@sha256:" + "0" * 64, type="Normal"),
        _event("Unhealthy", "Startup probe failed: refused", type="Warning"),
        _event("FailedMount", type="Warning"),
    ]
    found = occurrences.summary(events, NOW, limit=9)
    assert ([row.reason for row in found.rows], found.left_out) == (["FailedMount"], 2)
    everything = occurrences.summary(events, NOW, limit=9, routine=True)
    assert (len(everything.rows), everything.left_out) == (3, 0)
    assert "sha256" not in " ".join(row.message for row in everything.rows)


def test_a_kill_and_a_revert_stand_out_though_one_is_no_warning() -> None:
    tones = {
        reason: occurrences.summary([_event(reason, type="Normal")], NOW, limit=1).rows[0].tone
        for reason in ("ChaosKill", "ReleaseReverted", "ReleaseKept")
    }
    assert tones == {"ChaosKill": BAD, "ReleaseReverted": BAD, "ReleaseKept": QUIET}


def test_the_newest_come_first_and_the_limit_holds() -> None:
    events = [_event("R", str(number), second=number) for number in range(5)]
    assert [row.message for row in occurrences.summary(events, NOW, limit=2).rows] == ["4", "3"]
