"""Whether a pod may run on a node: selectors, affinity, taints, ports and resources. Pure.

The answer is the reason why not, in the words of the reference scheduler, or None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.meta import labels_of, name_of, selects
from autostack.pocket.quantities import quantity

Terms = Iterable[Mapping[str, Any]]


def tolerates(tolerations: Terms, taint: Mapping[str, Any]) -> bool:
    """Whether one of the tolerations covers the taint."""
    return any(_covers(one, taint) for one in tolerations)


def _covers(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    exists = bool(toleration.get("operator", "Equal") == "Exists")
    if not toleration.get("key"):
        return exists
    same = (toleration.get("value") or "") == (taint.get("value") or "")
    return bool(toleration["key"] == taint["key"] and (exists or same))


def untolerated(tolerations: Terms, node: Object, effects: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The first taint with one of the effects that keeps the pod away."""
    covered = list(tolerations)
    taints = node["spec"].get("taints") or []
    return next((one for one in taints if one["effect"] in effects and not tolerates(covered, one)), None)


def matches_term(term: Mapping[str, Any], node: Object) -> bool:
    """Whether a nodeSelectorTerm matches; an empty term matches no node."""
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    by_field = {"metadata.name": name_of(node)}
    return selects({"matchExpressions": expressions}, labels_of(node)) and selects(
        {"matchExpressions": fields}, by_field
    )


def affinity_of(pod_spec: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """`affinity.nodeAffinity`, `affinity.podAffinity`, …"""
    return (pod_spec.get("affinity") or {}).get(part) or {}


def selects_node(pod_spec: Mapping[str, Any], node: Object) -> bool:
    """nodeSelector and the required node affinity."""
    wanted = pod_spec.get("nodeSelector") or {}
    if any(labels_of(node).get(name) != value for name, value in wanted.items()):
        return False
    required = affinity_of(pod_spec, "nodeAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(matches_term(term, node) for term in required.get("nodeSelectorTerms") or [])


def reaches(volume: Object, node: Object) -> bool:
    """Whether a PersistentVolume can be used on the node."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required is None or any(matches_term(term, node) for term in required["nodeSelectorTerms"])


def requests_of(pod_spec: Mapping[str, Any]) -> dict[str, float]:
    """What the pod reserves: the sum of its containers, or its greediest init container."""
    total: dict[str, float] = {"pods": 1}
    for container in pod_spec["containers"]:
        for name, amount in _requests(container).items():
            total[name] = total.get(name, 0) + amount
    sidecars: dict[str, float] = {}
    peak: dict[str, float] = {}
    for container in pod_spec.get("initContainers") or []:
        always = container.get("restartPolicy") == "Always"
        for name, amount in _requests(container).items():
            peak[name] = max(peak.get(name, 0), amount + sidecars.get(name, 0))
            if always:
                sidecars[name] = sidecars.get(name, 0) + amount
    for name, amount in sidecars.items():
        total[name] = total.get(name, 0) + amount
    for name, amount in peak.items():
        total[name] = max(total.get(name, 0), amount)
    for name, amount in (pod_spec.get("overhead") or {}).items():
        total[name] = total.get(name, 0) + quantity(amount)
    return total


def _requests(container: Mapping[str, Any]) -> dict[str, float]:
    resources = container.get("resources") or {}
    wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(amount) for name, amount in wanted.items()}


def lacking(pod_spec: Mapping[str, Any], node: Object, others: Iterable[Object]) -> list[str]:
    """The resources that the node has too little of, given the pods that are bound to it."""
    wanted = requests_of(pod_spec)
    free = {name: quantity(value) for name, value in (node["status"].get("allocatable") or {}).items()}
    for other in others:
        for name, amount in requests_of(other["spec"]).items():
            free[name] = free.get(name, 0) - amount
    return [name for name, amount in wanted.items() if amount > 0 and amount > free.get(name, 0) + 1e-9]


def host_ports(pod_spec: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Protocol and number of every host port."""
    return {
        (port.get("protocol", "TCP"), port["hostPort"])
        for container in pod_spec["containers"]
        for port in container.get("ports") or []
        if port.get("hostPort")
    }


def refusal(pod: Object, node: Object, others: list[Object]) -> str | None:
    """Why the node can't take the pod, given the unfinished pods bound to it; None when it can."""
    return _kept_away(pod["spec"], node) or _no_room(pod["spec"], node, others)


def _kept_away(spec: Mapping[str, Any], node: Object) -> str | None:
    tolerations = spec.get("tolerations") or []
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if node["spec"].get("unschedulable") and not tolerates(tolerations, cordoned):
        return "node(s) were unschedulable"
    taint = untolerated(tolerations, node, ("NoSchedule", "NoExecute"))
    if taint is not None:
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
    return None if selects_node(spec, node) else "node(s) didn't match Pod's node affinity/selector"


def _no_room(spec: Mapping[str, Any], node: Object, others: list[Object]) -> str | None:
    taken = {port for other in others for port in host_ports(other["spec"])}
    if host_ports(spec) & taken:
        return "node(s) didn't have free ports for the requested pod ports"
    missing = lacking(spec, node, others)
    if missing == ["pods"]:
        return "Too many pods"
    return f"Insufficient {', '.join(missing)}" if missing else None
