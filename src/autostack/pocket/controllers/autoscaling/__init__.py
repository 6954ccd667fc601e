"""HorizontalPodAutoscaler (v2) on CPU and memory, measured by metrics.k8s.io every 15 s.

It scales Deployments, StatefulSets and ReplicaSets. Other targets and metric types are told in the
conditions, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.autoscaling.behavior import Memory, limit, tolerance_of
from autostack.pocket.controllers.autoscaling.replicas import Answer, NoMetricsError, Target, wanted_replicas
from autostack.pocket.controllers.claims import condition_set
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    POD,
    POD_METRICS,
    REPLICA_SET,
    STATEFUL_SET,
    Kind,
)
from autostack.pocket.controllers.loop import BlockedError, Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    selects,
    time_of,
    timestamp,
)
from autostack.pocket.errors import ApiError
from autostack.pocket.quantities import quantity

PERIOD_S = 15.0
YOUNG_S = 1.0
"""A new autoscaler is looked at this often until there are metrics. That there are none is told after one
period only, which is when the upstream controller looks for the first time."""
SCALABLE = {kind.name: kind for kind in (DEPLOYMENT, STATEFUL_SET, REPLICA_SET)}
LIMITS = {
    "TooManyReplicas": "the desired replica count is more than the maximum replica count",
    "TooFewReplicas": "the desired replica count is less than the minimum replica count",
    "ScaleUpLimit": "the desired replica count is increasing faster than the maximum scale rate",
    "ScaleDownLimit": "the desired replica count is decreasing faster than the maximum scale rate",
}


@dataclass(slots=True)
class Round:
    """One evaluation: the conditions that it comes to."""

    cluster: Cluster
    autoscaler: Object
    conditions: list[Any] = field(default_factory=list)

    def tell(self, type_: str, reason: str, message: str, *, status: bool = True) -> None:
        """Set a condition."""
        fresh = {
            "type": type_,
            "status": "True" if status else "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": timestamp(self.cluster.now()),
        }
        self.conditions = list(condition_set(self.conditions, fresh))

    async def refuse(self, type_: str, reason: str, message: str) -> None:
        """Set a condition to False, and tell it as an Event too."""
        self.tell(type_, reason, message, status=False)
        self.cluster.event(AUTOSCALER, self.autoscaler, "Warning", reason, message)
        status = {**(self.autoscaler.get("status") or {}), "conditions": self.conditions}
        await self.cluster.set_status(AUTOSCALER, self.autoscaler, {"desiredReplicas": 0, **status})


def controller(cluster: Cluster) -> Controller:
    """The controller as data, with its memory of recommendations."""
    del cluster
    memories: dict[Key, Memory] = {}

    async def reconcile(view: Cluster, key: Key) -> float | None:
        autoscaler = view.cache(AUTOSCALER).get(key)
        if autoscaler is None or is_deleting(autoscaler):
            memories.pop(key, None)
            return None
        if not await evaluate(view, autoscaler, memories.setdefault(key, Memory())):
            return YOUNG_S
        return PERIOD_S

    reads = (POD, *SCALABLE.values())
    return Controller("horizontal-pod-autoscaler", {AUTOSCALER: itself}, reconcile, reads=reads)


async def evaluate(cluster: Cluster, autoscaler: Object, memory: Memory) -> bool:
    """Measure, decide, scale, and tell; False when a new one has nothing to measure yet."""
    conditions = list((autoscaler.get("status") or {}).get("conditions") or [])
    turn = Round(cluster, autoscaler, conditions)
    reference = autoscaler["spec"]["scaleTargetRef"]
    kind = SCALABLE.get(reference["kind"])
    target = cluster.cache(kind).get((key_of(autoscaler)[0], reference["name"])) if kind else None
    if kind is None or target is None:
        named = f"{reference['kind']} {reference['name']} is not there or can't be scaled"
        message = f"the HPA controller was unable to get the target's current scale: {named}"
        await turn.refuse("AbleToScale", "FailedGetScale", message)
        return True
    turn.tell(
        "AbleToScale", "SucceededGetScale", "the HPA controller was able to get the target's current scale"
    )
    current = int(target["spec"].get("replicas", 1))
    if current == 0 and autoscaler["spec"].get("minReplicas") != 0:
        message = "scaling is disabled since the replica count of the target is zero"
        turn.tell("ScalingActive", "ScalingDisabled", message, status=False)
        await _write(turn, current, current, (autoscaler.get("status") or {}).get("currentMetrics") or [])
        return True
    try:
        answers = await _measure(cluster, autoscaler, target, current)
    except NoMetricsError as error:
        made = time_of(autoscaler["metadata"].get("creationTimestamp"))
        if made and cluster.now() - made < timedelta(seconds=PERIOD_S):
            return False
        message = f"the HPA was unable to compute the replica count: {error}"
        await turn.refuse("ScalingActive", "FailedGetResourceMetric", message)
        return True
    turn.tell(
        "ScalingActive", "ValidMetricFound", "the HPA was able to successfully calculate a replica count"
    )
    wanted = max(answer.replicas for _, answer in answers)
    decided = limit(autoscaler["spec"], memory, current, wanted, cluster.now())
    if decided.stabilized:
        message = (
            "recent recommendations were different from current one, applying a stabilized recommendation"
        )
        turn.tell("AbleToScale", decided.stabilized, message)
    elif decided.replicas == current:
        turn.tell("AbleToScale", "ReadyForNewScale", "recommended size matches current size")
    limited = decided.limited or "DesiredWithinRange"
    message = LIMITS.get(limited, "the desired count is within the acceptable range")
    turn.tell("ScalingLimited", limited, message, status=bool(decided.limited))
    if decided.replicas != current:
        await _rescale(turn, kind, target, decided.replicas)
        memory.changes.append((cluster.now(), decided.replicas - current))
    shown = [_current_metric(aim, answer) for aim, answer in answers]
    await _write(turn, current, decided.replicas, shown, rescaled=decided.replicas != current)
    return True


def targets_of(spec: Mapping[str, Any]) -> list[Target]:
    """The metrics as targets; raises NoMetricsError for a type that is not implemented."""
    metrics = spec.get("metrics") or [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
        }
    ]
    found = []
    for metric in metrics:
        if metric["type"] != "Resource":
            raise NoMetricsError(f"metric type {metric['type']} is not implemented; use Resource")
        name, aim = metric["resource"]["name"], metric["resource"]["target"]
        if name not in ("cpu", "memory"):
            raise NoMetricsError(f"resource {name} is not measured; use cpu or memory")
        value = aim.get("averageValue")
        found.append(Target(name, aim.get("averageUtilization"), None if value is None else quantity(value)))
    return found


async def _measure(
    cluster: Cluster, autoscaler: Object, target: Object, current: int
) -> list[tuple[Target, Answer]]:
    targets = targets_of(autoscaler["spec"])
    namespace = key_of(autoscaler)[0]
    selector = target["spec"]["selector"]
    pods = [pod for pod in cluster.cache(POD).within(namespace) if selects(selector, labels_of(pod))]
    try:
        listing = await cluster.client.list(POD_METRICS.resource, namespace)
    except ApiError as error:
        raise NoMetricsError(f"unable to get metrics: {error.message}") from error
    tolerance = tolerance_of(autoscaler["spec"])
    answers = []
    for aim in targets:
        usage = {
            name_of(one): sum(quantity(part["usage"].get(aim.resource, "0")) for part in one["containers"])
            for one in listing.items
            if one["containers"]
        }
        answer = wanted_replicas(aim, current, pods, usage, cluster.now(), tolerance=tolerance)
        answers.append((aim, answer))
    return answers


async def _rescale(turn: Round, kind: Kind, target: Object, replicas: int) -> None:
    try:
        await turn.cluster.client.patch(
            kind.resource,
            name_of(target),
            {"spec": {"replicas": replicas}},
            key_of(target)[0],
            subresource="scale",
        )
    except ApiError as error:
        message = f"the HPA controller was unable to update the target scale: {error.message}"
        await turn.refuse("AbleToScale", "FailedUpdateScale", message)
        raise BlockedError(message) from error
    message = f"the HPA controller was able to update the target scale to {replicas}"
    turn.tell("AbleToScale", "SucceededRescale", message)
    reason = f"New size: {replicas}; reason: resource metrics differ from target"
    turn.cluster.event(AUTOSCALER, turn.autoscaler, "Normal", "SuccessfulRescale", reason)


def _current_metric(aim: Target, answer: Answer) -> dict[str, Any]:
    value = (
        f"{round(answer.current_average * 1000)}m"
        if aim.resource == "cpu"
        else str(round(answer.current_average))
    )
    utilization = {} if answer.utilization is None else {"averageUtilization": answer.utilization}
    return {
        "type": "Resource",
        "resource": {"name": aim.resource, "current": {"averageValue": value, **utilization}},
    }


async def _write(
    turn: Round, current: int, desired: int, metrics: list[Any], *, rescaled: bool = False
) -> None:
    stored = turn.autoscaler.get("status") or {}
    moment = timestamp(turn.cluster.now()) if rescaled else stored.get("lastScaleTime")
    status = {
        "currentReplicas": current,
        "desiredReplicas": desired,
        "currentMetrics": metrics,
        "conditions": turn.conditions,
        **({"lastScaleTime": moment} if moment else {}),
    }
    await turn.cluster.set_status(AUTOSCALER, turn.autoscaler, status)
