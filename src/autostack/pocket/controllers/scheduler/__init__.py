"""The scheduler: binds each pending pod to the first node that can take it, highest priority first.

A pod that no node takes stays Pending with the reasons in its PodScheduled condition and a FailedScheduling
Event, and is looked at again when a node, a pod's end or the pod itself changes. There is no preemption.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import condition_set
from autostack.pocket.controllers.cluster import Cluster, tolerating
from autostack.pocket.controllers.kinds import CLAIM, NAMESPACE, NODE, POD, VOLUME
from autostack.pocket.controllers.loop import Controller
from autostack.pocket.controllers.meta import (
    Key,
    condition,
    is_deleting,
    key_of,
    name_of,
    namespace_of,
    timestamp,
    with_section,
)
from autostack.pocket.controllers.pods import is_finished
from autostack.pocket.controllers.scheduler.neighbours import neighbour_refusal
from autostack.pocket.controllers.scheduler.placement import reaches, refusal
from autostack.pocket.controllers.volumes import claimed_by
from autostack.pocket.controllers.volumes.binding import phase

SCHEDULER = "default-scheduler"
ROUND: Key = ("", "round")


def controller(cluster: Cluster) -> Controller:
    """The controller as data. One key stands for all pods, since they compete for the same node."""
    del cluster

    def when_pod_matters(pod: Object) -> Iterable[Key]:
        return (ROUND,) if is_waiting(pod) or is_finished(pod) or is_deleting(pod) else ()

    def always(obj: Object) -> Iterable[Key]:
        del obj
        return (ROUND,)

    watches = {POD: when_pod_matters, NODE: always, CLAIM: always}
    return Controller(SCHEDULER, watches, schedule, reads=(NAMESPACE, VOLUME), workers=1)


def is_waiting(pod: Object) -> bool:
    """Whether the pod asks this scheduler for a node."""
    spec = pod["spec"]
    return (
        not spec.get("nodeName")
        and not is_deleting(pod)
        and not is_finished(pod)
        and spec.get("schedulerName", SCHEDULER) == SCHEDULER
    )


def scheduling_order(pod: Object) -> tuple[int, str, str]:
    """Sort key: highest priority first, then oldest."""
    return (
        -int(pod["spec"].get("priority") or 0),
        pod["metadata"].get("creationTimestamp") or "",
        name_of(pod),
    )


async def schedule(cluster: Cluster, key: Key) -> float | None:
    """One round over the waiting pods. Choices are made one after the other, bindings written together."""
    del key
    nodes = sorted(cluster.cache(NODE).all(), key=name_of)
    namespaces = {name_of(one): one for one in cluster.cache(NAMESPACE).all()}
    bound: dict[str, list[Object]] = {name_of(node): [] for node in nodes}
    for pod in cluster.cache(POD).all():
        if pod["spec"].get("nodeName") in bound and not is_finished(pod):
            bound[pod["spec"]["nodeName"]].append(pod)
    chosen: list[tuple[Object, str]] = []
    refused: list[tuple[Object, str, str]] = []
    for pod in sorted(filter(is_waiting, cluster.cache(POD).all()), key=scheduling_order):
        if pod["spec"].get("schedulingGates"):
            refused.append(
                (pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
            )
            continue
        if awaits_volume(cluster, pod):
            refused.append((pod, "AwaitingVolumes", "pod has unbound PersistentVolumeClaims"))
            continue
        reasons: Counter[str] = Counter()
        for node in nodes:
            others = bound[name_of(node)]
            reason = (
                unusable_claim(cluster, pod)
                or refusal(pod, node, others)
                or volume_elsewhere(cluster, pod, node)
                or neighbour_refusal(pod, node, others, namespaces)
            )
            if reason is None:
                chosen.append((pod, name_of(node)))
                others.append(pod)
                break
            reasons[reason] += 1
        else:
            refused.append((pod, "Unschedulable", verdict(len(nodes), reasons)))
    await asyncio.gather(*(_bind(cluster, pod, node) for pod, node in chosen))
    for pod, reason, message in refused:
        await _tell(cluster, pod, reason, message)
    return None


def claims_of(cluster: Cluster, pod: Object) -> dict[str, Object | None]:
    """The claims that the pod names; None for one that is not there."""
    return {name: cluster.cache(CLAIM).get((namespace_of(pod), name)) for name in claimed_by(pod)}


def unusable_claim(cluster: Cluster, pod: Object) -> str | None:
    """The claim that the pod names and that is not there, or on its way out."""
    for name, claim in claims_of(cluster, pod).items():
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if is_deleting(claim):
            return f'persistentvolumeclaim "{name}" is being deleted'
    return None


def volume_elsewhere(cluster: Cluster, pod: Object, node: Object) -> str | None:
    """Whether a volume that the pod is to have can't be reached from the node."""
    for claim in claims_of(cluster, pod).values():
        volume = cluster.cache(VOLUME).get(("", claim["spec"].get("volumeName", ""))) if claim else None
        if volume is not None and not reaches(volume, node):
            return "node(s) didn't match PersistentVolume's node affinity"
    return None


def awaits_volume(cluster: Cluster, pod: Object) -> bool:
    """Whether a claim is there and not bound yet; what that waits for is in the claim's own Events."""
    claims = claims_of(cluster, pod).values()
    return any(claim and not is_deleting(claim) and phase(claim) != "Bound" for claim in claims)


def verdict(nodes: int, reasons: Counter[str]) -> str:
    """`0/1 nodes are available: 1 Insufficient memory.`"""
    if not nodes:
        return "no nodes available to schedule pods"
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return f"0/{nodes} nodes are available: {told}."


async def _bind(cluster: Cluster, pod: Object, node: str) -> None:
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name_of(pod), "namespace": namespace_of(pod), "uid": pod["metadata"]["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }
    with tolerating(404, 409):
        await cluster.client.create(
            POD.resource, binding, namespace_of(pod), subresource="binding", name=name_of(pod)
        )
        message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {node}"
        cluster.event(POD, pod, "Normal", "Scheduled", message)


async def _tell(cluster: Cluster, pod: Object, reason: str, message: str) -> None:
    known = condition(pod, "PodScheduled")
    if known and known["status"] == "False" and known.get("message") == message:
        return
    fresh = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(cluster.now()),
    }
    conditions = condition_set((pod.get("status") or {}).get("conditions") or [], fresh)
    with tolerating(404, 409):
        told = with_section(pod, "status", conditions=conditions)
        await cluster.set_status(POD, cluster.cache(POD).get(key_of(pod)) or pod, told["status"])
    if reason == "Unschedulable":
        cluster.event(POD, pod, "Warning", "FailedScheduling", message)
