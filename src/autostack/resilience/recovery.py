"""Time to repair: from a kill to the moment at which as many pods are ready as were wanted. Pure.

The wanted number is the one at the moment of the kill, so an autoscaler that grows meanwhile is not counted
against the healing. A kill whose hole was never seen (the replacement was ready before the next look) is
repaired within the resolution of the looks, and is given the first look after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autostack.resilience.samples import Kill, Readiness


@dataclass(frozen=True, slots=True)
class Repair:
    """One kill and what came of it; `mttr_s` is None when it was not healed while we looked."""

    kill: Kill
    mttr_s: float | None
    lowest_ready: int
    desired: int


def repairs(kills: Sequence[Kill], readiness: Sequence[Readiness]) -> list[Repair]:
    """The repair of each kill, in the order of the kills."""
    return [_repair(kill, [look for look in readiness if look.workload == kill.workload]) for kill in kills]


def _repair(kill: Kill, looks: Sequence[Readiness]) -> Repair:
    before = [look for look in looks if look.at_s <= kill.at_s]
    after = [look for look in looks if look.at_s > kill.at_s]
    desired = before[-1].desired if before else (after[0].desired if after else 0)
    lowest = min(desired, before[-1].ready) if before else desired
    hole_seen = lowest < desired  # the hole was seen before the Event that tells of it
    for look in after:
        lowest = min(lowest, look.ready)
        hole_seen = hole_seen or look.ready < desired
        if look.ready >= desired and (hole_seen or look.at_s - kill.at_s > SETTLED_S):
            return Repair(kill, look.at_s - kill.at_s, lowest, desired)
    return Repair(kill, None, lowest, desired)


SETTLED_S = 5.0
"""A hole that has not shown by then was repaired between two looks."""


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean, None of nothing."""
    return sum(values) / len(values) if values else None
