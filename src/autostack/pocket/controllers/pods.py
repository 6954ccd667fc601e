"""What controllers need to know of a pod: is it active, ready, available; which goes first; how one is made.
Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.kinds import Kind
from autostack.pocket.controllers.meta import (
    annotations_of,
    condition,
    has_condition,
    is_deleting,
    namespace_of,
    owner_reference,
    time_of,
    uid_of,
)

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def phase(pod: Object) -> str:
    """`status.phase`; a pod without one is Pending."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_finished(pod: Object) -> bool:
    """Whether all containers have ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Neither finished nor being deleted."""
    return not is_finished(pod) and not is_deleting(pod)


def is_ready(pod: Object) -> bool:
    """Whether the Ready condition holds."""
    return has_condition(pod, "Ready")


def ready_since(pod: Object) -> datetime | None:
    """When the pod became ready; None when it is not."""
    found = condition(pod, "Ready")
    return time_of(found.get("lastTransitionTime")) if found and found["status"] == "True" else None


def available_in_s(pod: Object, min_ready_s: int, now: datetime) -> float | None:
    """Seconds until the pod counts as available (0 when it does); None while it is not ready."""
    if not is_ready(pod):
        return None
    since = ready_since(pod)
    if min_ready_s == 0 or since is None:
        return 0.0
    return max(0.0, min_ready_s - (now - since).total_seconds())


def is_available(pod: Object, min_ready_s: int, now: datetime) -> bool:
    """Ready for at least `min_ready_s`."""
    return available_in_s(pod, min_ready_s, now) == 0.0


def soonest_available_s(pods: Iterable[Object], min_ready_s: int, now: datetime) -> float | None:
    """When the next ready pod becomes available; None when none is waiting for it."""
    waits = [wait for pod in pods if (wait := available_in_s(pod, min_ready_s, now))]
    return min(waits, default=None)


def _logarithmic_age(moment: datetime | None, now: datetime) -> int:
    seconds = (now - moment).total_seconds() if moment else 0
    return int(math.log2(seconds)) if seconds >= 1 else 0


def deletion_rank(pod: Object, now: datetime) -> tuple[Any, ...]:
    """Sort key: who goes first when a ReplicaSet shrinks, by the rules (and in the order) of the API
    reference.

    Ages compare by their logarithm, so that among pods of about one age the choice is not always the newest.
    """
    try:
        cost = int(annotations_of(pod).get(DELETION_COST, "0"))
    except ValueError:  # the API server refuses it; an old object must not stop the set
        cost = 0
    restarts = [
        one.get("restartCount", 0) for one in (pod.get("status") or {}).get("containerStatuses") or []
    ]
    return (
        bool(pod["spec"].get("nodeName")),
        {"Pending": 0, "Unknown": 1}.get(phase(pod), 2),
        is_ready(pod),
        cost,
        _logarithmic_age(ready_since(pod), now),
        -max(restarts, default=0),
        _logarithmic_age(time_of(pod["metadata"].get("creationTimestamp")), now),
        uid_of(pod),
    )


def pod_of(template: Mapping[str, Any], kind: Kind, owner: Object, **metadata: Any) -> Object:
    """A pod from a template, controlled by `owner`; `metadata` adds or replaces (name, labels, …)."""
    source = template.get("metadata") or {}
    kept = {name: source[name] for name in ("labels", "annotations", "finalizers") if source.get(name)}
    return {
        "metadata": {
            **kept,
            "namespace": namespace_of(owner),
            "ownerReferences": [owner_reference(kind, owner)],
            **metadata,
        },
        "spec": template["spec"],
    }


def fingerprint(value: Any, collisions: int | None = None) -> str:
    """A short name-safe hash of plain data (FNV-1a, 32 bits, in Kubernetes' vowel-free alphabet)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    digest = 0x811C9DC5
    for byte in (text if collisions is None else f"{text}{collisions}").encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(_ALPHABET[int(digit)] for digit in str(digest))
