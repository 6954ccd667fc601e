"""What a StatefulSet does next: which pods to make and which to delete. Pure.

With OrderedReady there is at most one step at a time, upwards when growing and downwards when shrinking
or updating, and none while a lower pod is not available. With Parallel, growing and shrinking don't wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.history import revision_name
from autostack.pocket.controllers.meta import is_deleting, scaled
from autostack.pocket.controllers.pods import is_available, is_finished, is_ready
from autostack.pocket.controllers.statefulset.identity import ordinal_of


@dataclass(frozen=True, slots=True)
class Create:
    """Make the pod of an ordinal from a revision."""

    ordinal: int
    revision: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a pod; `condemned` when its ordinal is no longer wanted."""

    pod: Object
    condemned: bool = False


Step = Create | Delete


@dataclass(frozen=True, slots=True)
class View:
    """A StatefulSet, its pods and its two revisions at one moment."""

    stateful_set: Object
    pods: dict[int, Object]
    current_revision: str
    update_revision: str
    now: datetime

    @classmethod
    def of(cls, stateful_set: Object, pods: list[Object], revisions: tuple[str, str], now: datetime) -> View:
        """Place the pods by their ordinals."""
        placed = {ordinal: pod for pod in pods if (ordinal := ordinal_of(stateful_set, pod)) is not None}
        return cls(stateful_set, placed, *revisions, now)

    @property
    def ordinals(self) -> range:
        """The ordinals that are wanted."""
        spec = self.stateful_set["spec"]
        start = (spec.get("ordinals") or {}).get("start", 0)
        return range(start, start + spec.get("replicas", 1))

    @property
    def condemned(self) -> list[Object]:
        """The pods beyond them, highest first."""
        return [self.pods[one] for one in sorted(self.pods, reverse=True) if one not in self.ordinals]

    @property
    def is_ordered(self) -> bool:
        """OrderedReady, as opposed to Parallel."""
        return bool(self.stateful_set["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady")

    @property
    def strategy(self) -> dict[str, Any]:
        """`updateStrategy`."""
        return self.stateful_set["spec"].get("updateStrategy") or {}

    @property
    def partition(self) -> int:
        """The first ordinal, counted from the start, that an update touches."""
        return int((self.strategy.get("rollingUpdate") or {}).get("partition") or 0)

    def is_healthy(self, pod: Object | None) -> bool:
        """Ready for minReadySeconds and not going away."""
        min_ready_s = self.stateful_set["spec"].get("minReadySeconds", 0)
        return pod is not None and not is_deleting(pod) and is_available(pod, min_ready_s, self.now)

    def revision_for(self, ordinal: int) -> str:
        """The revision of a pod that is made now: below the partition the current one."""
        below = ordinal - self.ordinals.start < self.partition
        return self.current_revision if below else self.update_revision


def plan(view: View) -> list[Step]:
    """The next steps; [] when there is nothing to do or something to wait for."""
    steps: list[Step] = []
    for ordinal in view.ordinals:
        pod = view.pods.get(ordinal)
        if pod is None:
            steps.append(Create(ordinal, view.revision_for(ordinal)))
        elif is_finished(pod) and not is_deleting(pod):
            steps.append(Delete(pod))
        elif view.is_healthy(pod):
            continue
        if view.is_ordered:
            return steps
    shrinking, waits = _shrink(view)
    steps += shrinking
    return steps if waits else [*steps, *_update(view)]


def _shrink(view: View) -> tuple[list[Step], bool]:
    everyone = [view.pods.get(one) for one in view.ordinals] + list(view.condemned)
    first_sick = next((one for one in everyone if one is not None and not _is_running(one)), None)
    steps: list[Step] = []
    for pod in view.condemned:
        if is_deleting(pod):
            if view.is_ordered:
                return steps, True
            continue
        if view.is_ordered and not is_ready(pod) and pod is not first_sick:
            return steps, True
        steps.append(Delete(pod, condemned=True))
        if view.is_ordered:
            return steps, True
    return steps, False


def _is_running(pod: Object) -> bool:
    return is_ready(pod) and not is_deleting(pod)


def _update(view: View) -> list[Step]:
    if view.strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    wanted = len(view.ordinals)
    bound = (view.strategy.get("rollingUpdate") or {}).get("maxUnavailable") or 1
    room = max(1, scaled(bound, wanted, round_up=True))
    room -= sum(not view.is_healthy(view.pods.get(one)) for one in view.ordinals)
    steps: list[Step] = []
    for ordinal in reversed(view.ordinals[view.partition :]):
        pod = view.pods.get(ordinal)
        outdated = pod is not None and revision_name(pod) != view.update_revision
        if pod is None or is_deleting(pod):
            continue
        if outdated and (room > 0 or not view.is_healthy(pod)):
            room -= view.is_healthy(pod)
            steps.append(Delete(pod))
        elif room <= 0:
            break
    return steps
