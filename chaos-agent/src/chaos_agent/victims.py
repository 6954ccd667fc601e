"""Whom to kill: how many pods the mode asks for, and which. Pure; the generator of chance is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from chaos_agent.targets import KillMode, Target


def is_victim(pod: Mapping[str, Any]) -> bool:
    """Only a running pod that is not already going away can be killed."""
    return pod.get("status", {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def kill_count(mode: KillMode, value: int, running: int, chance: Random) -> int:
    """How many of `running` pods to kill.

    Percentages are rounded down, as kube-monkey does: a small share of few pods may be none.
    """
    if mode is KillMode.KILL_ALL:
        return running
    if mode is KillMode.FIXED:
        return min(value, running)
    percent = value if mode is KillMode.FIXED_PERCENT else chance.randint(0, value)
    return running * percent // 100


def choose(target: Target, pods: Sequence[Mapping[str, Any]], chance: Random) -> list[str]:
    """The names of the pods to kill, in the order in which to kill them."""
    names = sorted(pod["metadata"]["name"] for pod in pods if is_victim(pod))
    return chance.sample(names, kill_count(target.mode, target.value, len(names), chance))
