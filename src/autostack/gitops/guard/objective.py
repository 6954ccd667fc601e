"""The objective of a release, and the verdict over what was measured; pure.

A release breaks when it does not become ready, or when error rate or P95 of its own pods stays beyond the
limit: one bad moment, such as a cold start on a busy machine, is no reason to revert. Nor is a machine on
which the version before did not hold the limit either: then the release must not be much worse than that one.
What was not measured is not judged, and the verdict says so: silence is not success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from autostack.gitops import durations

PREFIX = "guard.autostack.dev/"
SPAN_S = 10.0
"""Error rate and P95 are those of the last so many seconds."""
_MUCH_MORE_ERRORS, _MUCH_SLOWER = 2.0, 4.0  # a cold start on a busy machine is slow, and fails nobody


@dataclass(frozen=True, slots=True)
class Objective:
    """What a release must hold, from annotations on the Application: guard.autostack.dev/<name>."""

    enabled: bool
    window_s: float
    ready_within_s: float
    max_error_rate: float
    max_p95_s: float
    min_requests: int
    breach_for_s: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was asked and how it was answered. None = not measured (no Prometheus, or no traffic)."""

    requests: float | None = None
    error_rate: float | None = None
    p95_s: float | None = None


UNMEASURED = Traffic()


@dataclass(frozen=True, slots=True)
class Measured:
    """One look at a release's pods, and at the traffic of the version before while that served alone."""

    ready: bool
    failure: str = ""
    traffic: Traffic = UNMEASURED
    before: Traffic = UNMEASURED


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken` says why to revert, "" for no reason yet; `breach` which limit is exceeded now; `over` when
    the watch ends; `note` what was not judged.
    """

    broken: str = ""
    breach: str = ""
    over: bool = False
    note: str = ""


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is no share between 0 and 1, e.g. 0.05")
    return share


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


class Annotation(NamedTuple):
    """What an annotation means, its default as it is written, and which field it sets by which reading."""

    meaning: str
    default: str
    field: str
    parse: Callable[[str], Any]


ANNOTATIONS: dict[str, Annotation] = {
    "enabled": Annotation("false switches the guard off for this Application", "true", "enabled", _boolean),
    "window": Annotation(
        "how long a release is watched after it became ready", "30s", "window_s", durations.seconds
    ),
    "ready-within": Annotation(
        "how long a rollout may take to become ready", "120s", "ready_within_s", durations.seconds
    ),
    "max-error-rate": Annotation(
        "share of answers with status 5xx that breaks a release", "0.05", "max_error_rate", _share
    ),
    "max-p95": Annotation(
        "95th percentile of the answer time that breaks a release", "500ms", "max_p95_s", durations.seconds
    ),
    "min-requests": Annotation(
        "requests in 10 s below which nothing is judged by traffic", "30", "min_requests", _count
    ),
    "breach-for": Annotation(
        "how long error rate or P95 must stay over its limit to break a release",
        "5s",
        "breach_for_s",
        durations.seconds,
    ),
}


def read(annotations_found: Mapping[str, str]) -> tuple[Objective, list[str]]:
    """The objective, and a sentence for each annotation that cannot be read.

    Such a one counts as absent: a typing error must not switch the guard off, and it must be seen.
    """
    values = {one.field: one.parse(one.default) for one in ANNOTATIONS.values()}
    problems = []
    for name, text in sorted(annotations_found.items()):
        if not name.startswith(PREFIX):
            continue
        known = ANNOTATIONS.get(name.removeprefix(PREFIX))
        if known is None:
            problems.append(
                f"annotation {name} is unknown and has no effect; there are {', '.join(ANNOTATIONS)}"
            )
            continue
        try:
            values[known.field] = known.parse(text)
        except ValueError as error:
            problems.append(
                f"annotation {name} ({known.meaning}): {error}; its default {known.default} holds"
            )
    return Objective(**values), problems


def judge(
    objective: Objective, seen: Measured, *, rollout_s: float, ready_for_s: float, breached_for_s: float = 0
) -> Verdict:
    """The verdict now. `rollout_s` since the rollout began, `ready_for_s` since the release became ready (0 =
    not yet), `breached_for_s` since the present breach was first seen.
    """
    if seen.failure:
        return Verdict(broken=seen.failure, over=True)
    if not seen.ready and not ready_for_s:
        if rollout_s > objective.ready_within_s:
            return Verdict(broken=f"it was not ready within {objective.ready_within_s:g} s", over=True)
        return Verdict()
    breach, note = _traffic(objective, seen.traffic, seen.before)
    if breach:
        # One bad moment is seen for as long as the measurement remembers it.
        is_lasting = breached_for_s >= objective.breach_for_s + SPAN_S
        return Verdict(broken=breach if is_lasting else "", breach=breach, over=is_lasting)
    return Verdict(over=ready_for_s >= objective.window_s, note=note)


def _traffic(objective: Objective, seen: Traffic, before: Traffic) -> tuple[str, str]:
    """The limit that is exceeded, and what could not be judged or was not held against the release."""
    if seen.requests is None:
        return "", "Prometheus did not answer: only readiness was judged"
    if seen.requests < objective.min_requests:
        few = f"{seen.requests:.0f} requests are fewer than {objective.min_requests}"
        return "", f"{few}: only readiness was judged"
    if (before.requests or 0) < objective.min_requests:
        before = UNMEASURED
    figures = (
        (
            "error rate",
            seen.error_rate,
            before.error_rate,
            objective.max_error_rate,
            _MUCH_MORE_ERRORS,
            "{:.1%}".format,
        ),
        ("P95", seen.p95_s, before.p95_s, objective.max_p95_s, _MUCH_SLOWER, _milliseconds),
    )
    notes = []
    for name, now, earlier, limit, much, shown in figures:
        if now is None or now <= limit:
            continue
        if earlier is None or earlier <= limit:
            return f"{name} {shown(now)} is over {shown(limit)}", ""
        compared = f"{name} {shown(now)} is over {shown(limit)}, and was {shown(earlier)} before it"
        if now > much * earlier:
            return compared, ""
        notes.append(compared)
    return "", "; ".join(notes)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
