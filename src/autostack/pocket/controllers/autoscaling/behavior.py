"""How fast the autoscaler may move: stabilisation windows, rate policies, bounds. Pure.

Recommendations and past changes are kept for as long as the longest window needs them, in memory only: a
restarted control plane starts with empty windows, as Kubernetes' does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autostack.pocket.controllers.autoscaling.replicas import DEFAULT_TOLERANCE, Tolerance
from autostack.pocket.quantities import quantity

DEFAULTS: dict[str, dict[str, Any]] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}
LONGEST_S = 3600


@dataclass(slots=True)
class Memory:
    """What one autoscaler remembers: (time, recommended replicas) and (time, change of replicas)."""

    recommendations: list[tuple[datetime, int]] = field(default_factory=list)
    changes: list[tuple[datetime, int]] = field(default_factory=list)

    def forget(self, now: datetime) -> None:
        """Drop what no window reaches."""
        limit = now - timedelta(seconds=LONGEST_S)
        self.recommendations = [one for one in self.recommendations if one[0] > limit]
        self.changes = [one for one in self.changes if one[0] > limit]


@dataclass(frozen=True, slots=True)
class Limited:
    """The replicas after all limits, and what limited them: the conditions AbleToScale and ScalingLimited."""

    replicas: int
    stabilized: str = ""
    limited: str = ""


def rules(spec: Mapping[str, Any], direction: str) -> dict[str, Any]:
    """The behaviour of one direction with the defaults filled in."""
    given = (spec.get("behavior") or {}).get(direction) or {}
    return {**DEFAULTS[direction], **{name: value for name, value in given.items() if value is not None}}


def tolerance_of(spec: Mapping[str, Any]) -> Tolerance:
    """The tolerance of each direction; the cluster's own where the behaviour names none."""
    up, down = (
        quantity(rules(spec, direction).get("tolerance", DEFAULT_TOLERANCE))
        for direction in ("scaleUp", "scaleDown")
    )
    return Tolerance(up, down)


def limit(spec: Mapping[str, Any], memory: Memory, current: int, wanted: int, now: datetime) -> Limited:
    """Apply windows, rates and bounds to a recommendation."""
    memory.recommendations.append((now, wanted))
    memory.forget(now)
    up, down = rules(spec, "scaleUp"), rules(spec, "scaleDown")
    floor = min(_since(memory, now, up["stabilizationWindowSeconds"]), default=wanted)
    ceiling = max(_since(memory, now, down["stabilizationWindowSeconds"]), default=wanted)
    stable = min(max(current, floor), ceiling)
    told = ""
    if stable != wanted:
        told = "ScaleUpStabilized" if wanted > stable else "ScaleDownStabilized"
    least, most = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
    if stable > current:
        allowed = rate_limit(up, memory, current, now, growing=True)
        bound, reason = (most, "TooManyReplicas") if most <= allowed else (allowed, "ScaleUpLimit")
        return Limited(min(stable, bound), told, reason if stable > bound else "")
    if stable < current:
        allowed = rate_limit(down, memory, current, now, growing=False)
        bound, reason = (least, "TooFewReplicas") if least >= allowed else (allowed, "ScaleDownLimit")
        return Limited(max(stable, bound), told, reason if stable < bound else "")
    bounded = min(max(stable, least), most)
    reason = "TooManyReplicas" if stable > most else "TooFewReplicas" if stable < least else ""
    return Limited(bounded, told, reason)


def _since(memory: Memory, now: datetime, window_s: int) -> list[int]:
    limit_at = now - timedelta(seconds=window_s)
    return [replicas for moment, replicas in memory.recommendations if moment > limit_at or moment == now]


def rate_limit(rule: Mapping[str, Any], memory: Memory, current: int, now: datetime, *, growing: bool) -> int:
    """The furthest number of replicas that the policies allow from here."""
    choice = rule["selectPolicy"]
    if choice == "Disabled":
        return current
    reached = []
    for policy in rule["policies"]:
        since = now - timedelta(seconds=policy["periodSeconds"])
        moved = sum(change for moment, change in memory.changes if moment > since and (change > 0) == growing)
        start = current - moved
        if policy["type"] == "Pods":
            reached.append(start + policy["value"] if growing else start - policy["value"])
        else:
            factor = 1 + policy["value"] / 100 if growing else 1 - policy["value"] / 100
            reached.append(math.ceil(start * factor - 1e-9) if growing else int(start * factor))
    widest = (max if growing else min) if choice == "Max" else (min if growing else max)
    return int(widest(reached))
