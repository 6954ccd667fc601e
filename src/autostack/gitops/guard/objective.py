"""The objective of a release, and the verdict over what was measured; pure.

A release breaks when it does not become ready, or when error rate or P95 of its own pods is beyond the
limit. What was not measured is not judged, and the verdict says so: silence is not success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autostack.gitops import durations
from autostack.gitops.errors import SpecError

PREFIX = "guard.autostack.dev/"


@dataclass(frozen=True, slots=True)
class Objective:
    """What a release must hold, from annotations on the Application: guard.autostack.dev/<name>."""

    enabled: bool = True
    window_s: float = 30
    ready_within_s: float = 60
    max_error_rate: float = 0.05
    max_p95_s: float = 0.5
    min_requests: int = 30


@dataclass(frozen=True, slots=True)
class Measured:
    """One look at a release's pods. None = not measured (no Prometheus, or no traffic)."""

    ready: bool
    failure: str = ""
    requests: float | None = None
    error_rate: float | None = None
    p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken` says why to revert, "" for no reason yet; `over` when the watch ends; `note` what was not
    judged.
    """

    broken: str = ""
    over: bool = False
    note: str = ""


# Annotation → (what it means, default); the documentation's table is this table.
ANNOTATIONS: dict[str, tuple[str, str]] = {
    "enabled": ("false switches the guard off for this Application", "true"),
    "window": ("how long a release is watched after it became ready", "30s"),
    "ready-within": ("how long a rollout may take to become ready", "60s"),
    "max-error-rate": ("share of answers with status 5xx that breaks a release", "0.05"),
    "max-p95": ("95th percentile of the answer time that breaks a release", "500ms"),
    "min-requests": ("requests in the window below which nothing is judged by traffic", "30"),
}


def read(annotations_found: Mapping[str, str]) -> Objective:
    """The objective; SpecError names an annotation that cannot be read."""
    given = {
        name.removeprefix(PREFIX): text for name, text in annotations_found.items() if name.startswith(PREFIX)
    }
    for name in given:
        if name not in ANNOTATIONS:
            raise SpecError(f"annotation {PREFIX}{name} is unknown; there are {', '.join(ANNOTATIONS)}")
    texts = {name: given.get(name, default) for name, (_, default) in ANNOTATIONS.items()}
    if texts["enabled"] not in {"true", "false"}:
        raise SpecError(f"annotation {PREFIX}enabled must be true or false, not {texts['enabled']!r}")
    try:
        return Objective(
            enabled=texts["enabled"] == "true",
            window_s=durations.seconds(texts["window"]),
            ready_within_s=durations.seconds(texts["ready-within"]),
            max_error_rate=float(texts["max-error-rate"]),
            max_p95_s=durations.seconds(texts["max-p95"]),
            min_requests=int(texts["min-requests"]),
        )
    except ValueError as error:
        raise SpecError(f"annotations {PREFIX}…: {error}") from error


def judge(objective: Objective, seen: Measured, *, rollout_s: float, ready_for_s: float) -> Verdict:
    """The verdict now. `rollout_s` since the rollout began, `ready_for_s` since the release became ready
    (0 = not yet).
    """
    if seen.failure:
        return Verdict(broken=seen.failure, over=True)
    if not seen.ready and not ready_for_s:
        if rollout_s > objective.ready_within_s:
            return Verdict(broken=f"it was not ready within {objective.ready_within_s:g} s", over=True)
        return Verdict()
    if seen.requests is None:
        note = "Prometheus did not answer: only readiness was judged"
    elif seen.requests < objective.min_requests:
        note = (
            f"{seen.requests:.0f} requests are fewer than {objective.min_requests}: only readiness was judged"
        )
    else:
        note = ""
        if seen.error_rate is not None and seen.error_rate > objective.max_error_rate:
            why = f"error rate {seen.error_rate:.1%} is over {objective.max_error_rate:.1%}"
            return Verdict(broken=why, over=True)
        if seen.p95_s is not None and seen.p95_s > objective.max_p95_s:
            why = f"P95 {seen.p95_s * 1000:.0f} ms is over {objective.max_p95_s * 1000:.0f} ms"
            return Verdict(broken=why, over=True)
    return Verdict(over=ready_for_s >= objective.window_s, note=note)
