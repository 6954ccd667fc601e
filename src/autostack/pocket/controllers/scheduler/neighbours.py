"""Whether a pod may stand beside the pods that a node already has: pod affinity, anti-affinity and
spreading. Pure.

With one node every topology domain that the node is labelled with holds the same pods. So spreading is always
satisfied where the label is there, and (anti-)affinity is a question about the node's pods alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.meta import labels_of, namespace_of, selects
from autostack.pocket.controllers.scheduler.placement import affinity_of

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _meets(term: Mapping[str, Any], owner: Object, other: Object, namespaces: Mapping[str, Object]) -> bool:
    listed = set(term.get("namespaces") or [])
    chosen = term.get("namespaceSelector")
    if chosen is not None:
        listed |= {name for name, one in namespaces.items() if selects(chosen, labels_of(one))}
    elif not listed:
        listed = {namespace_of(owner)}
    return namespace_of(other) in listed and selects(term.get("labelSelector"), labels_of(other))


def neighbour_refusal(
    pod: Object, node: Object, others: Iterable[Object], namespaces: Mapping[str, Object]
) -> str | None:
    """Why the pod can't join the node's pods; None when it can."""
    present = list(others)
    here = labels_of(node)
    for term in affinity_of(pod["spec"], "podAffinity").get(REQUIRED) or []:
        # the first pod of a group that wants to be together may start it
        candidates = [*present, pod]
        if term["topologyKey"] not in here or not any(
            _meets(term, pod, one, namespaces) for one in candidates
        ):
            return "node(s) didn't match pod affinity rules"
    for term in affinity_of(pod["spec"], "podAntiAffinity").get(REQUIRED) or []:
        if term["topologyKey"] in here and any(_meets(term, pod, one, namespaces) for one in present):
            return "node(s) didn't match pod anti-affinity rules"
    for other in present:
        for term in affinity_of(other["spec"], "podAntiAffinity").get(REQUIRED) or []:
            if term["topologyKey"] in here and _meets(term, other, pod, namespaces):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    for constraint in pod["spec"].get("topologySpreadConstraints") or []:
        missing = constraint["topologyKey"] not in here
        if missing and constraint["whenUnsatisfiable"] == "DoNotSchedule":
            return "node(s) didn't match pod topology spread constraints (missing required label)"
    return None
