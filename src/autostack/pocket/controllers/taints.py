"""NoExecute taints: a running pod that does not tolerate one is deleted, or after the time that it tolerates
it for.

That time counts from the taint's own timeAdded or, where nobody wrote one, from when it was first seen here;
a restart of the control plane then starts it anew, as in Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import condition_set
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.kinds import NODE, POD
from autostack.pocket.controllers.loop import Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    is_deleting,
    key_of,
    name_of,
    namespace_of,
    time_of,
    timestamp,
)
from autostack.pocket.controllers.pods import is_finished
from autostack.pocket.controllers.scheduler.placement import tolerates

Taint = Mapping[str, Any]
Seen = dict[tuple[str, str, str], datetime]
"""When a node's taint (node, key, value) was first seen."""


def controller(cluster: Cluster) -> Controller:
    """The controller as data, with its memory of when taints appeared."""
    seen: Seen = {}

    def its_pods(node: Object) -> Iterable[Key]:
        name = name_of(node)
        present = {_identity(name, taint) for taint in _evicting(node)}
        for gone in [one for one in seen if one[0] == name and one not in present]:
            del seen[gone]
        for taint in present:
            seen.setdefault(taint, cluster.now())
        if not present:  # as at every heartbeat of a node that nobody has tainted
            return ()
        return [key_of(pod) for pod in cluster.cache(POD).all() if pod["spec"].get("nodeName") == name]

    async def reconcile(view: Cluster, key: Key) -> float | None:
        pod = view.cache(POD).get(key)
        if pod is None or is_deleting(pod) or is_finished(pod):
            return None
        node = view.cache(NODE).get(("", pod["spec"].get("nodeName") or ""))
        wait_s = None if node is None else leaves_in_s(pod, node, seen, view.now())
        if wait_s is None or wait_s > 0:
            return wait_s
        await _evict(view, pod)
        return None

    return Controller("taint-eviction-controller", {NODE: its_pods, POD: itself}, reconcile)


def _identity(node: str, taint: Taint) -> tuple[str, str, str]:
    return node, taint["key"], taint.get("value") or ""


def _evicting(node: Object) -> list[Taint]:
    """The node's taints that end running pods."""
    return [one for one in node["spec"].get("taints") or [] if one["effect"] == "NoExecute"]


def leaves_in_s(pod: Object, node: Object, seen: Seen, now: datetime) -> float | None:
    """Seconds until the pod must leave the node (0 for at once); None when it may stay. Pure."""
    waits = []
    for taint in _evicting(node):
        tolerations = [one for one in pod["spec"].get("tolerations") or [] if tolerates([one], taint)]
        if not tolerations:
            return 0.0
        limits = [one["tolerationSeconds"] for one in tolerations if one.get("tolerationSeconds") is not None]
        if limits:
            since = time_of(taint.get("timeAdded")) or seen.get(_identity(name_of(node), taint), now)
            waits.append((since + timedelta(seconds=max(0, min(limits))) - now).total_seconds())
    return max(0.0, min(waits)) if waits else None


async def _evict(cluster: Cluster, pod: Object) -> None:
    message = f"Marking for deletion Pod {namespace_of(pod)}/{name_of(pod)}"
    cluster.event(POD, pod, "Normal", "TaintManagerEviction", message)
    fresh = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": timestamp(cluster.now()),
    }
    status = pod.get("status") or {}
    with tolerating(404, 409):
        told = {**status, "conditions": list(condition_set(status.get("conditions") or [], fresh))}
        await cluster.set_status(POD, pod, told)
    await cluster.delete(POD, pod)
