"""Pods that nobody else removes: bound to a node that is gone, or far too many finished ones."""

from __future__ import annotations

from collections.abc import Iterable

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import NODE, POD
from autostack.pocket.controllers.loop import Controller
from autostack.pocket.controllers.meta import Key, name_of
from autostack.pocket.controllers.pods import is_finished
from autostack.pocket.errors import ApiError

FINISHED_KEPT = 1000
SWEEP: Key = ("", "sweep")


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""
    del cluster

    def when_finished(pod: Object) -> Iterable[Key]:
        return (SWEEP,) if is_finished(pod) else ()

    def sweep(node: Object) -> Iterable[Key]:
        del node
        return (SWEEP,)

    return Controller("pod-garbage-collector", {POD: when_finished, NODE: sweep}, reconcile, workers=1)


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """One sweep over all pods."""
    del key
    pods = cluster.cache(POD).all()
    nodes = {name_of(node) for node in cluster.cache(NODE).all()}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and node not in nodes and await _is_gone(cluster, node):
            message = f"node {node} is gone; deleting the pod"
            cluster.event(POD, pod, "Warning", "DeletedByPodGC", message)
            await cluster.delete(POD, pod, grace_period_s=0)
    finished = sorted(filter(is_finished, pods), key=lambda pod: pod["metadata"]["creationTimestamp"])
    for pod in finished[: max(0, len(finished) - FINISHED_KEPT)]:
        await cluster.delete(POD, pod, grace_period_s=0)
    return None


async def _is_gone(cluster: Cluster, node: str) -> bool:
    """Ask the API server itself: at start the kubelet may not have registered yet when pods are known
    already.
    """
    try:
        await cluster.client.get(NODE.resource, node)
    except ApiError as error:
        if error.code == 404:
            return True
        raise
    return False
