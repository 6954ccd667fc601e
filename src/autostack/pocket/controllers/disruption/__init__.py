"""PodDisruptionBudget: how many pods may be evicted now, kept in the status that the eviction call spends
from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import condition_set
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import DEPLOYMENT, DISRUPTION_BUDGET, POD, REPLICA_SET, STATEFUL_SET
from autostack.pocket.controllers.loop import Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    scaled,
    selects,
    time_of,
    timestamp,
    uid_of,
)
from autostack.pocket.controllers.pods import is_finished, is_ready

DISRUPTION_TIMEOUT_S = 120


class NoScaleError(ValueError):
    """A pod's controller has no number of replicas, so a percentage has nothing to be a percentage of."""


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""

    def covering(pod: Object) -> Iterable[Key]:
        budgets = cluster.cache(DISRUPTION_BUDGET).within(namespace_of(pod))
        return [key_of(one) for one in budgets if selects(one["spec"].get("selector"), labels_of(pod))]

    def of_namespace(workload: Object) -> Iterable[Key]:
        return [key_of(one) for one in cluster.cache(DISRUPTION_BUDGET).within(namespace_of(workload))]

    watches = {
        DISRUPTION_BUDGET: itself,
        POD: covering,
        DEPLOYMENT: of_namespace,
        STATEFUL_SET: of_namespace,
    }
    return Controller("disruption-controller", watches, reconcile, reads=(REPLICA_SET,))


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Count and write the allowance."""
    budget = cluster.cache(DISRUPTION_BUDGET).get(key)
    if budget is None or is_deleting(budget):
        return None
    pods = [
        pod
        for pod in cluster.cache(POD).within(key[0])
        if selects(budget["spec"].get("selector"), labels_of(pod)) and not is_finished(pod)
    ]
    now = cluster.now()
    disrupted = recent_disruptions(budget, pods, now)
    problem = ""
    try:
        expected = expected_pods(cluster, budget, pods)
        wanted = desired_healthy(budget, expected)
    except ValueError as error:
        problem, expected, wanted = str(error), len(pods), len(pods)
        cluster.event(DISRUPTION_BUDGET, budget, "Warning", "CalculateExpectedPodCountFailed", problem)
    healthy = sum(is_ready(pod) and not is_deleting(pod) and name_of(pod) not in disrupted for pod in pods)
    allowed = 0 if problem or expected <= 0 else max(0, healthy - wanted)
    status = {
        "observedGeneration": budget["metadata"].get("generation", 1),
        **({"disruptedPods": disrupted} if disrupted else {}),
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "expectedPods": expected,
        "disruptionsAllowed": allowed,
        "conditions": _conditions(budget, allowed=allowed, problem=problem, now=now),
    }
    await cluster.set_status(DISRUPTION_BUDGET, budget, status)
    return DISRUPTION_TIMEOUT_S if disrupted else None


def recent_disruptions(budget: Object, pods: list[Object], now: datetime) -> dict[str, str]:
    """Evictions that were granted and are not yet visible as deletions; each is believed for two minutes."""
    alive = {name_of(pod) for pod in pods if not is_deleting(pod)}
    known = (budget.get("status") or {}).get("disruptedPods") or {}
    return {
        name: moment
        for name, moment in known.items()
        if name in alive
        and (granted := time_of(moment))
        and now - granted < timedelta(seconds=DISRUPTION_TIMEOUT_S)
    }


def expected_pods(cluster: Cluster, budget: Object, pods: list[Object]) -> int:
    """How many pods there should be: those present for a plain minAvailable, else what their controllers
    want.
    """
    least = budget["spec"].get("minAvailable")
    if isinstance(least, int):
        return len(pods)
    wanted: dict[str, int] = {}
    for pod in pods:
        owner = _scaled_owner(cluster, pod)
        wanted[uid_of(owner)] = owner["spec"].get("replicas", 1)
    return sum(wanted.values())


def _scaled_owner(cluster: Cluster, pod: Object) -> Object:
    reference = controller_of(pod)
    kinds = {"ReplicaSet": REPLICA_SET, "StatefulSet": STATEFUL_SET}
    if reference is None or reference["kind"] not in kinds:
        told = f"{reference['kind']} {reference['name']}" if reference else "no controller"
        raise NoScaleError(
            f"pod {name_of(pod)} has {told}, which has no scale; use minAvailable with a number"
        )
    owner = cluster.cache(kinds[reference["kind"]]).get((namespace_of(pod), reference["name"]))
    if owner is None:
        raise NoScaleError(f"the controller of pod {name_of(pod)} is gone")
    above = controller_of(owner)
    if above is not None and above["kind"] == "Deployment":
        return cluster.cache(DEPLOYMENT).get((namespace_of(pod), above["name"])) or owner
    return owner


def desired_healthy(budget: Object, expected: int) -> int:
    """How many pods must stay healthy."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return max(0, expected - scaled(spec["maxUnavailable"], expected, round_up=True))
    if spec.get("minAvailable") is None:
        return expected
    return scaled(spec["minAvailable"], expected, round_up=True)


def _conditions(budget: Object, *, allowed: int, problem: str, now: datetime) -> list[Any]:
    if problem:
        told = ("False", "SyncFailed", problem)
    else:
        told = ("True", "SufficientPods", "") if allowed else ("False", "InsufficientPods", "")
    fresh = {
        "type": "DisruptionAllowed",
        "status": told[0],
        "reason": told[1],
        "message": told[2],
        "observedGeneration": budget["metadata"].get("generation", 1),
        "lastTransitionTime": timestamp(now),
    }
    return list(condition_set((budget.get("status") or {}).get("conditions") or [], fresh))
