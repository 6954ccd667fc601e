"""A Job's policies about how its pods end: when enough have succeeded, and which failures count. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from autostack.pocket.client import Object
from autostack.pocket.controllers.job.indexes import parse_runs
from autostack.pocket.controllers.meta import name_of, namespace_of
from autostack.pocket.controllers.pods import phase

Action = Literal["Count", "FailJob", "Ignore"]


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that a failed pod comes under."""

    action: Action
    message: str


def match_failure(spec: Mapping[str, Any], pod: Object) -> Match | None:
    """The first rule of podFailurePolicy that the pod matches; None when there is none, so it counts."""
    if phase(pod) != "Failed":
        return None
    for number, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or ()):
        why = _by_exit_code(rule, pod) or _by_condition(rule, pod)
        if why:
            return Match(rule["action"], f"{why} matching {rule['action']} rule at index {number}")
    return None


def _by_exit_code(rule: Mapping[str, Any], pod: Object) -> str:
    wanted = rule.get("onExitCodes")
    if not wanted:
        return ""
    for name, code in _exit_codes(pod):
        is_in = code in wanted["values"]
        named = wanted.get("containerName") in (None, "", name)
        if named and code != 0 and is_in == (wanted["operator"] == "In"):
            return f"Container {name} for pod {_place(pod)} failed with exit code {code}"
    return ""


def _exit_codes(pod: Object) -> Iterator[tuple[str, int]]:
    status = pod.get("status") or {}
    for part in ("containerStatuses", "initContainerStatuses"):
        for one in status.get(part) or ():
            ended = (one.get("state") or {}).get("terminated")
            if ended is not None:
                yield one.get("name", ""), ended.get("exitCode", 0)


def _by_condition(rule: Mapping[str, Any], pod: Object) -> str:
    present = {one["type"]: one["status"] for one in (pod.get("status") or {}).get("conditions") or ()}
    for wanted in rule.get("onPodConditions") or ():
        if present.get(wanted["type"]) == wanted.get("status", "True"):
            return f"Pod {_place(pod)} has condition {wanted['type']}"
    return ""


def _place(pod: Object) -> str:
    return f"{namespace_of(pod)}/{name_of(pod)}"


def satisfied_rule(spec: Mapping[str, Any], completed: Iterable[int]) -> int | None:
    """The number of the successPolicy rule that the completed indexes satisfy; None when none does."""
    done = set(completed)
    for number, rule in enumerate((spec.get("successPolicy") or {}).get("rules") or ()):
        runs = parse_runs(rule.get("succeededIndexes") or "")
        counted = sum(any(index in run for run in runs) for index in done) if runs else len(done)
        needed = rule.get("succeededCount")
        if needed is None:
            needed = sum(map(len, runs))
        if needed and counted >= needed:
            return number
    return None
