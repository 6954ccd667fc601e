"""What makes a StatefulSet's pod the one it is: its ordinal, name, host name and claims. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.history import REVISION_LABEL
from autostack.pocket.controllers.kinds import POD, STATEFUL_SET
from autostack.pocket.controllers.meta import name_of, namespace_of, owner_reference
from autostack.pocket.controllers.pods import pod_of

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"


def ordinal_of(stateful_set: Object, pod: Object) -> int | None:
    """The pod's place in the set; None when its name is not of the set's form."""
    found = re.fullmatch(rf"{re.escape(name_of(stateful_set))}-(0|[1-9]\d*)", name_of(pod))
    return int(found[1]) if found else None


def pod_name(stateful_set: Object, ordinal: int) -> str:
    """`SET-ORDINAL`."""
    return f"{name_of(stateful_set)}-{ordinal}"


def claim_names(stateful_set: Object, ordinal: int) -> dict[str, str]:
    """The claim of each volumeClaimTemplate for one ordinal, by the template's name."""
    templates = stateful_set["spec"].get("volumeClaimTemplates") or []
    return {name_of(one): f"{name_of(one)}-{pod_name(stateful_set, ordinal)}" for one in templates}


def new_pod(stateful_set: Object, template: Mapping[str, Any], ordinal: int, revision: str) -> Object:
    """The pod of one ordinal; the same name and claims each time it is made."""
    name = pod_name(stateful_set, ordinal)
    labels = {
        **((template.get("metadata") or {}).get("labels") or {}),
        POD_NAME_LABEL: name,
        POD_INDEX_LABEL: str(ordinal),
        REVISION_LABEL: revision,
    }
    pod = pod_of(template, STATEFUL_SET, stateful_set, name=name, labels=labels)
    claims = claim_names(stateful_set, ordinal)
    volumes = [one for one in pod["spec"].get("volumes") or [] if one["name"] not in claims]
    volumes += [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in claims.items()
    ]
    pod["spec"] = {
        **pod["spec"],
        "hostname": name,
        "subdomain": stateful_set["spec"].get("serviceName", ""),
        **({"volumes": volumes} if volumes else {}),
    }
    return pod


def new_claims(stateful_set: Object, ordinal: int) -> list[Object]:
    """The claims of one ordinal. They outlive the pod, and the set unless its retention policy says
    otherwise.
    """
    names = claim_names(stateful_set, ordinal)
    selected = stateful_set["spec"]["selector"].get("matchLabels") or {}
    return [
        {
            "metadata": {
                "name": names[name_of(one)],
                "namespace": namespace_of(stateful_set),
                "labels": {**(one["metadata"].get("labels") or {}), **selected},
                "annotations": one["metadata"].get("annotations") or {},
            },
            "spec": one["spec"],
        }
        for one in stateful_set["spec"].get("volumeClaimTemplates") or []
    ]


def claim_owners(stateful_set: Object, pod: Object | None, *, condemned: bool) -> list[dict[str, Any]]:
    """The owner references that carry out persistentVolumeClaimRetentionPolicy for one pod's claims."""
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    if condemned and pod is not None and policy.get("whenScaled") == "Delete":
        return [owner_reference(POD, pod)]
    if policy.get("whenDeleted") == "Delete":
        return [owner_reference(STATEFUL_SET, stateful_set)]
    return []
