"""Revisions: numbers and annotations on ReplicaSets, and which old ones are kept. Pure.

A rollback (`kubectl rollout undo`) writes an earlier template into the Deployment; its ReplicaSet then is the
new one again and gets the next number, and remembers the earlier ones in the history annotation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.deployment.rollout import (
    DESIRED_REPLICAS,
    HASH_LABEL,
    MAX_REPLICAS,
    REVISION,
    REVISION_HISTORY,
    Rollout,
    number_annotation,
    spec_replicas,
    status_count,
)
from autostack.pocket.controllers.kinds import DEPLOYMENT
from autostack.pocket.controllers.meta import (
    annotations_of,
    is_deleting,
    name_of,
    namespace_of,
    owner_reference,
)
from autostack.pocket.controllers.pods import fingerprint

NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
}


def revision_of(obj: Object) -> int:
    """The revision annotation, 0 when absent."""
    return number_annotation(obj, REVISION) or 0


def next_revision(old: Iterable[Object]) -> int:
    """One more than the largest of the old ReplicaSets."""
    return max(map(revision_of, old), default=0) + 1


def new_annotations(rollout: Rollout, existing: Object | None) -> dict[str, str]:
    """The annotations that the new ReplicaSet must carry."""
    carried = dict(annotations_of(existing)) if existing else {}
    source = annotations_of(rollout.deployment)
    carried.update({name: value for name, value in source.items() if name not in NOT_COPIED})
    current, wanted = carried.get(REVISION), next_revision(rollout.old)
    if current is None or not current.isdigit() or int(current) < wanted:
        carried[REVISION] = str(wanted)
        if current is not None:
            history = [one for one in carried.get(REVISION_HISTORY, "").split(",") if one]
            if current not in history:
                carried[REVISION_HISTORY] = ",".join([*history, current])
    if existing is None:
        carried.update(size_annotations(rollout))
    return carried


def size_annotations(rollout: Rollout) -> dict[str, str]:
    """What a ReplicaSet remembers of the Deployment's size when it was last scaled."""
    return {
        DESIRED_REPLICAS: str(rollout.replicas),
        MAX_REPLICAS: str(rollout.replicas + rollout.max_surge),
    }


def new_replica_set(rollout: Rollout, replicas: int) -> Object:
    """The ReplicaSet of the current template; its name carries the template's hash."""
    deployment = rollout.deployment
    spec = deployment["spec"]
    collisions = (deployment.get("status") or {}).get("collisionCount")
    template: dict[str, Any] = spec["template"]
    code = fingerprint(template, collisions)
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), HASH_LABEL: code}
    selector = spec["selector"]
    return {
        "metadata": {
            "name": f"{name_of(deployment)}-{code}",
            "namespace": namespace_of(deployment),
            "labels": labels,
            "annotations": new_annotations(rollout, None),
            "ownerReferences": [owner_reference(DEPLOYMENT, deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": {
                **selector,
                "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: code},
            },
            "template": {**template, "metadata": {**metadata, "labels": labels}},
        },
    }


def expired(rollout: Rollout) -> list[Object]:
    """The old ReplicaSets beyond `revisionHistoryLimit` that have no pods, lowest revision first."""
    limit = rollout.deployment["spec"].get("revisionHistoryLimit")
    kept = 10 if limit is None else int(limit)
    alive = [one for one in rollout.old if not is_deleting(one)]
    excess = sorted(alive, key=revision_of)[: max(0, len(alive) - kept)]
    return [
        one
        for one in excess
        if spec_replicas(one) == 0
        and status_count(one, "replicas") == 0
        and one["metadata"].get("generation", 0) <= status_count(one, "observedGeneration")
    ]
