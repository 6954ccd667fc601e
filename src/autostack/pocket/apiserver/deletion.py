"""How an object is marked for deletion, and what holds it back.

Finalizers hold it back, and so does a pod's grace period while a kubelet may still be running it.
Propagation is written down as the finalizers `foregroundDeletion` and `orphan`, which the garbage collector
works off; `Background` needs none. A CustomResourceDefinition waits for its objects by a finalizer too.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autostack.pocket.apiserver.kinds import Kind

Object = dict[str, Any]
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
PROPAGATION_FINALIZERS = {"Foreground": FOREGROUND, "Orphan": ORPHAN}
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; `propagation` is Foreground, Background, Orphan or "" (keep what the object's
    finalizers say).
    """

    propagation: str = ""
    grace_period_s: int | None = None
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


def mark(kind: Kind, obj: Object, options: DeleteOptions) -> Object | None:
    """The object marked for deletion, or None when it can go at once. Pure but for the time."""
    finalizers = list(obj["metadata"].get("finalizers") or ())
    if options.propagation:
        finalizers = [name for name in finalizers if name not in PROPAGATION_FINALIZERS.values()]
        if options.propagation in PROPAGATION_FINALIZERS:
            finalizers.append(PROPAGATION_FINALIZERS[options.propagation])
    if (
        kind.storage == DEFINITIONS
        and CLEANUP not in finalizers
        and "deletionTimestamp" not in obj["metadata"]
    ):
        finalizers.append(CLEANUP)
    grace = grace_period_s(kind, obj, options)
    is_held = finalizers or grace > 0 or (kind.storage == "namespaces" and obj["spec"].get("finalizers"))
    if not is_held:
        return None
    marked = copy.deepcopy(obj)
    meta = marked["metadata"]
    meta["finalizers"] = finalizers
    if not finalizers:
        del meta["finalizers"]
    earlier = meta.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" not in meta or (earlier is not None and grace < earlier):
        deadline = datetime.now(UTC) + timedelta(seconds=grace)
        meta["deletionTimestamp"] = deadline.strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["deletionGracePeriodSeconds"] = grace
        if kind.generation:
            meta["generation"] = meta.get("generation", 0) + 1
    if kind.storage == "namespaces":
        marked.setdefault("status", {})["phase"] = "Terminating"
    return marked


def grace_period_s(kind: Kind, obj: Object, options: DeleteOptions) -> int:
    """How long a pod may take to end; 0 for everything else, and for a pod that no node runs."""
    if kind.storage != "pods":
        return 0
    spec, status = obj.get("spec", {}), obj.get("status", {})
    if not spec.get("nodeName") or status.get("phase") in ("Failed", "Succeeded"):
        return 0
    if options.grace_period_s is not None:
        return max(options.grace_period_s, 0)
    already = obj["metadata"].get("deletionGracePeriodSeconds")
    return int(already if already is not None else spec.get("terminationGracePeriodSeconds", 30))
