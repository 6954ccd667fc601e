"""How many replicas a resource metric asks for. Pure arithmetic, as the reference autoscaler's.

Pods without a measurement, and those that are not ready yet, are counted so that the answer moves less:
as idle when growing, as fully loaded when shrinking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from autostack.pocket.client import Object
from autostack.pocket.controllers.meta import condition, is_deleting, name_of, time_of
from autostack.pocket.controllers.pods import phase
from autostack.pocket.quantities import quantity

DEFAULT_TOLERANCE = 0.1
INITIALISATION_S, READINESS_DELAY_S, WINDOW_S = 300, 30, 15


class NoMetricsError(ValueError):
    """Nothing can be said about the load; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """One resource metric's aim: a percentage of the request, or an amount a pod."""

    resource: str
    utilization: int | None = None
    average_value: float | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the load may be from the aim before anything moves, as a fraction, in each direction."""

    up: float = DEFAULT_TOLERANCE
    down: float = DEFAULT_TOLERANCE

    def covers(self, ratio: float) -> bool:
        """Whether a load of `ratio` times the aim is left alone."""
        return 1 - self.down <= ratio <= 1 + self.up


@dataclass(frozen=True, slots=True)
class Answer:
    """The replicas that are wanted and the load they are wanted for (percent, or amount a pod)."""

    replicas: int
    current_average: float
    utilization: int | None = None


def request_of(pod: Object, resource: str) -> float:
    """What the pod's containers request; raises NoMetricsError when one requests nothing."""
    total = 0.0
    for container in pod["spec"]["containers"]:
        amount = ((container.get("resources") or {}).get("requests") or {}).get(resource)
        if amount is None:
            raise NoMetricsError(
                f"missing request for {resource} in container {container['name']} of Pod {name_of(pod)}"
            )
        total += quantity(amount)
    return total


def is_unready(pod: Object, resource: str, now: datetime) -> bool:
    """Whether the pod is too young or too sick for its CPU use to say anything."""
    if phase(pod) == "Pending":
        return True
    if resource != "cpu":
        return False
    ready, started = condition(pod, "Ready"), time_of((pod.get("status") or {}).get("startTime"))
    if ready is None or started is None:
        return True
    changed = time_of(ready.get("lastTransitionTime")) or started
    if started + timedelta(seconds=INITIALISATION_S) > now:
        return bool(ready["status"] == "False") or now < changed + timedelta(seconds=WINDOW_S)
    return bool(ready["status"] == "False") and started + timedelta(seconds=READINESS_DELAY_S) > changed


def wanted_replicas(
    target: Target,
    current: int,
    pods: list[Object],
    usage: Mapping[str, float],
    now: datetime,
    *,
    tolerance: Tolerance,
) -> Answer:
    """The answer for one metric; `usage` is by pod name, in cores or bytes."""
    counted = [pod for pod in pods if not is_deleting(pod) and phase(pod) != "Failed"]
    unready = {name_of(pod) for pod in counted if is_unready(pod, target.resource, now)}
    measured = {
        name_of(pod): usage[name_of(pod)]
        for pod in counted
        if name_of(pod) in usage and name_of(pod) not in unready
    }
    missing = {name_of(pod) for pod in counted if name_of(pod) not in usage and name_of(pod) not in unready}
    if not measured:
        raise NoMetricsError("did not receive metrics for targeted pods (pods might be unready)")
    full = _full_load(target, counted)
    ratio = _ratio(measured, full, target)
    average = sum(measured.values()) / len(measured)
    percent = (
        round(100 * sum(measured.values()) / sum(full[name] for name in measured))
        if target.utilization
        else None
    )
    answer = Answer(current, average, percent)
    if not missing and not (unready and ratio > 1):
        if tolerance.covers(ratio):
            return answer
        return Answer(_up(ratio * len(measured)), average, percent)
    assumed = dict(measured)
    for name in missing:
        most = full[name] * max(100, target.utilization or 0) / 100 if target.utilization else full[name]
        assumed[name] = most if ratio < 1 else 0.0
    if ratio > 1:
        assumed.update(dict.fromkeys(unready, 0.0))
    again = _ratio(assumed, full, target)
    if tolerance.covers(again) or (ratio < 1) != (again < 1):
        return answer
    replicas = _up(again * len(assumed))
    if (again < 1 and replicas > current) or (again > 1 and replicas < current):
        return answer
    return Answer(replicas, average, percent)


def _full_load(target: Target, pods: list[Object]) -> dict[str, float]:
    if target.utilization is None:
        return {name_of(pod): target.average_value or 0.0 for pod in pods}
    return {name_of(pod): request_of(pod, target.resource) for pod in pods}


def _ratio(usage: Mapping[str, float], full: Mapping[str, float], target: Target) -> float:
    total = sum(full[name] for name in usage)
    if total <= 0:
        raise NoMetricsError(f"the pods request no {target.resource}")
    if target.utilization is None:
        return sum(usage.values()) / total
    percent = int(100 * sum(usage.values()) / total)
    return percent / target.utilization


def _up(value: float) -> int:
    return math.ceil(value - 1e-9)
