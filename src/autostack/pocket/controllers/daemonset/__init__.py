"""DaemonSet: one pod on every node that it may run on, replaced node by node when the template changes.

Its pods name their node in a required affinity, so the scheduler places them like any other. Rolling
updates delete at most maxUnavailable at a time; a maxSurge is reported, not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import claim, its_claimants
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.history import (
    REVISION_LABEL,
    forget_revisions,
    keep_revisions,
    revision_name,
)
from autostack.pocket.controllers.kinds import CONTROLLER_REVISION, DAEMON_SET, NODE, POD
from autostack.pocket.controllers.loop import Controller, its_controller, itself
from autostack.pocket.controllers.meta import Key, is_deleting, key_of, labels_of, name_of, scaled, uid_of
from autostack.pocket.controllers.pods import (
    is_available,
    is_finished,
    is_ready,
    pod_of,
    soonest_available_s,
)
from autostack.pocket.controllers.scheduler.placement import affinity_of, selects_node, untolerated

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""

    def all_of_them(node: Object) -> Iterable[Key]:
        del node
        return [key_of(one) for one in cluster.cache(DAEMON_SET).all()]

    watches = {
        DAEMON_SET: itself,
        POD: its_claimants(cluster, DAEMON_SET),
        CONTROLLER_REVISION: its_controller(DAEMON_SET),
        NODE: all_of_them,
    }
    return Controller("daemonset-controller", watches, reconcile)


def daemon_spec(template_spec: Mapping[str, Any], node: str) -> dict[str, Any]:
    """The pod spec for one node: bound to it by affinity, and tolerating what daemons outlive."""
    field = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    node_affinity = affinity_of(template_spec, "nodeAffinity")
    terms = (node_affinity.get(REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
    bound = {**node_affinity, REQUIRED: {"nodeSelectorTerms": [{**term, **field} for term in terms]}}
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in TOLERATED]
    tolerations = [*(template_spec.get("tolerations") or [])]
    return {
        **template_spec,
        "affinity": {**(template_spec.get("affinity") or {}), "nodeAffinity": bound},
        "tolerations": [*tolerations, *(one for one in added if one not in tolerations)],
    }


def wants(daemon_set: Object, node: Object) -> bool:
    """Whether the node should have a pod of the set."""
    spec = daemon_spec(daemon_set["spec"]["template"]["spec"], name_of(node))
    return (
        selects_node(spec, node)
        and untolerated(spec["tolerations"], node, ("NoSchedule", "NoExecute")) is None
    )


def node_of(pod: Object) -> str:
    """The node that the pod runs on or is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    terms = (affinity_of(pod["spec"], "nodeAffinity").get(REQUIRED) or {}).get("nodeSelectorTerms") or []
    fields = [one for term in terms for one in term.get("matchFields") or []]
    return next((one["values"][0] for one in fields if one["key"] == "metadata.name"), "")


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Place, update, then tell the state."""
    daemon_set = cluster.cache(DAEMON_SET).get(key)
    if daemon_set is None:
        return None
    pods = await claim(cluster, DAEMON_SET, daemon_set, POD)
    if is_deleting(daemon_set):
        return None
    revisions = await keep_revisions(cluster, DAEMON_SET, daemon_set)
    revision = labels_of(revisions[-1])["controller.kubernetes.io/hash"]
    wanted = {name_of(node) for node in cluster.cache(NODE).all() if wants(daemon_set, node)}
    await _place(cluster, daemon_set, pods, wanted, revision)
    for pod in outdated(cluster, daemon_set, wanted, revision):
        await cluster.delete(POD, pod)
        _tell(cluster, daemon_set, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
    pods = cluster.cache(POD).controlled_by(uid_of(daemon_set))
    latest = cluster.cache(DAEMON_SET).get(key) or daemon_set
    await cluster.set_status(DAEMON_SET, latest, status_of(cluster, daemon_set, pods, wanted, revision))
    used = {name_of(one) for one in revisions if name_of(one).endswith(tuple(map(revision_name, pods)))}
    await forget_revisions(cluster, daemon_set, revisions, used)
    return soonest_available_s(pods, daemon_set["spec"].get("minReadySeconds", 0), cluster.now())


async def _place(
    cluster: Cluster, daemon_set: Object, pods: list[Object], wanted: set[str], revision: str
) -> None:
    covered = set()
    for pod in sorted(pods, key=lambda one: (is_deleting(one), not is_ready(one), name_of(one))):
        node = node_of(pod)
        surplus = node in covered or node not in wanted
        if not is_deleting(pod) and (surplus or is_finished(pod)):
            await cluster.delete(POD, pod)
            _tell(cluster, daemon_set, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
        covered.add(node)
    template = daemon_set["spec"]["template"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), REVISION_LABEL: revision}
    for node in sorted(wanted - covered):
        pod = pod_of(template, DAEMON_SET, daemon_set, generateName=f"{name_of(daemon_set)}-", labels=labels)
        made = await cluster.create(POD, {**pod, "spec": daemon_spec(pod["spec"], node)})
        _tell(cluster, daemon_set, "SuccessfulCreate", f"Created pod: {name_of(made)}")


def _tell(cluster: Cluster, daemon_set: Object, reason: str, message: str) -> None:
    cluster.event(DAEMON_SET, daemon_set, "Normal", reason, message)


def outdated(cluster: Cluster, daemon_set: Object, wanted: set[str], revision: str) -> list[Object]:
    """The pods of an earlier template that may be deleted now."""
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    rolling = strategy.get("rollingUpdate") or {}
    if rolling.get("maxSurge") not in (None, 0, "0%"):
        message = "updateStrategy.rollingUpdate.maxSurge is not implemented; maxUnavailable is used"
        cluster.event(DAEMON_SET, daemon_set, "Warning", "UnsupportedField", message)
    room = max(1, scaled(rolling.get("maxUnavailable", 1), len(wanted), round_up=True))
    pods = cluster.cache(POD).controlled_by(uid_of(daemon_set))
    min_ready_s, now = daemon_set["spec"].get("minReadySeconds", 0), cluster.now()
    healthy = {node_of(pod) for pod in pods if not is_deleting(pod) and is_available(pod, min_ready_s, now)}
    room -= len(wanted - healthy)
    chosen = []
    for pod in sorted(pods, key=is_ready):
        if is_deleting(pod) or revision_name(pod) == revision:
            continue
        if node_of(pod) in healthy:
            if room <= 0:
                continue
            room -= 1
        chosen.append(pod)
    return chosen


def status_of(
    cluster: Cluster, daemon_set: Object, pods: list[Object], wanted: set[str], revision: str
) -> dict[str, Any]:
    """The DaemonSet's status, counted over nodes."""
    alive = [pod for pod in pods if not is_deleting(pod)]
    min_ready_s, now = daemon_set["spec"].get("minReadySeconds", 0), cluster.now()
    available = sum(is_available(pod, min_ready_s, now) for pod in alive if node_of(pod) in wanted)
    counts = {
        "updatedNumberScheduled": sum(revision_name(pod) == revision for pod in alive),
        "numberAvailable": available,
        "numberUnavailable": len(wanted) - available,
    }
    return {
        "currentNumberScheduled": len({node_of(pod) for pod in alive} & wanted),
        "numberMisscheduled": len({node_of(pod) for pod in alive} - wanted),
        "desiredNumberScheduled": len(wanted),
        "numberReady": sum(is_ready(pod) for pod in alive if node_of(pod) in wanted),
        "observedGeneration": daemon_set["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
    }
