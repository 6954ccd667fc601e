"""Which workloads opted in, and how they want to be attacked: kube-monkey's labels, read strictly.

A label that cannot be read is an error that names it, never a default: a workload that asked for chaos in
words we do not understand is left alone and told so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chaos_agent.errors import LabelError

PREFIX = "kube-monkey/"
IDENTIFIER = PREFIX + "identifier"
_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class KillMode(StrEnum):
    """How `kill-value` is meant; the names are kube-monkey's."""

    FIXED = "fixed"
    FIXED_PERCENT = "fixed-percent"
    RANDOM_MAX_PERCENT = "random-max-percent"
    KILL_ALL = "kill-all"


@dataclass(frozen=True, slots=True)
class Target:
    """A workload that opted in. `mtbf_s` is the mean time between two attacks on it."""

    kind: str
    namespace: str
    name: str
    uid: str
    identifier: str
    mtbf_s: float
    mode: KillMode
    value: int


def opted_in(labels: Mapping[str, str]) -> bool:
    """Whether the workload asks for chaos at all."""
    return labels.get(PREFIX + "enabled") == "enabled"


def read_target(workload: Mapping[str, Any], *, kind: str, day_s: float) -> Target:
    """The target that a workload's labels describe; raises LabelError."""
    metadata = workload["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    mode = _mode(labels)
    return Target(
        kind=kind,
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        identifier=_required(labels, "identifier"),
        mtbf_s=_mtbf(_required(labels, "mtbf"), day_s),
        mode=mode,
        value=0 if mode is KillMode.KILL_ALL else _value(labels, mode),
    )


def pod_labels(target: Target) -> dict[str, str]:
    """The labels of the target's pods: they opt in too, so no pod is hit by accident."""
    return {PREFIX + "enabled": "enabled", IDENTIFIER: target.identifier}


def _required(labels: Mapping[str, str], word: str) -> str:
    value = labels.get(PREFIX + word, "")
    if not value:
        raise LabelError(f"the label {PREFIX}{word} is missing")
    return value


def _mode(labels: Mapping[str, str]) -> KillMode:
    text = _required(labels, "kill-mode")
    try:
        return KillMode(text)
    except ValueError:
        known = ", ".join(KillMode)
        raise LabelError(f"the label {PREFIX}kill-mode is {text[:40]!r}; it must be one of {known}") from None


def _mtbf(text: str, day_s: float) -> float:
    """Days as a whole number, as kube-monkey has it, or a duration such as 90s, 5m, 2h, 1d."""
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text) * day_s
    match = _DURATION.fullmatch(text)
    if match and int(match[1]) > 0:
        return int(match[1]) * (day_s if match[2] == "d" else _SECONDS[match[2]])
    raise LabelError(
        f"the label {PREFIX}mtbf is {text[:40]!r}; it must be days (2) or a duration (90s, 5m, 2h)"
    )


def _value(labels: Mapping[str, str], mode: KillMode) -> int:
    text = _required(labels, "kill-value")
    limit = None if mode is KillMode.FIXED else 100
    if not (text.isascii() and text.isdigit()) or int(text) < 1 or (limit and int(text) > limit):
        wanted = f"a whole number from 1 to {limit}" if limit else "a whole number from 1"
        raise LabelError(f"the label {PREFIX}kill-value is {text[:40]!r}; with {mode} it must be {wanted}")
    return int(text)
