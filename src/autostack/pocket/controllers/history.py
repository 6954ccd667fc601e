"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, so that pods can be told
apart and rolled back.

A template that was there before keeps its revision object and gets the next number, as `kubectl rollout
undo` expects.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.controllers.claims import claim
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.kinds import CONTROLLER_REVISION, Kind
from autostack.pocket.controllers.meta import labels_of, name_of, namespace_of, owner_reference
from autostack.pocket.controllers.pods import fingerprint
from autostack.pocket.errors import ApiError

REVISION_LABEL = "controller-revision-hash"


def template_of(revision: Object) -> dict[str, Any]:
    """The pod template that the revision holds."""
    template = dict(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template


def new_revision(kind: Kind, owner: Object, number: int, collisions: int) -> Object:
    """The revision of the owner's present template, in the form of a strategic merge patch."""
    template = {**owner["spec"]["template"], "$patch": "replace"}
    code = fingerprint(template, collisions or None)
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "metadata": {
            "name": f"{name_of(owner)}-{code}",
            "namespace": namespace_of(owner),
            "labels": {**labels, "controller.kubernetes.io/hash": code},
            "ownerReferences": [owner_reference(kind, owner)],
        },
        "data": {"spec": {"template": template}},
        "revision": number,
    }


async def keep_revisions(cluster: Cluster, kind: Kind, owner: Object) -> list[Object]:
    """All revisions, oldest first; the last is of the present template, and is made if need be."""
    known = sorted(
        await claim(cluster, kind, owner, CONTROLLER_REVISION), key=lambda one: int(one["revision"])
    )
    number = int(known[-1]["revision"]) + 1 if known else 1
    same = [one for one in known if template_of(one) == owner["spec"]["template"]]
    if not same:
        return [*known, await _create(cluster, kind, owner, number)]
    if same[-1] is known[-1]:
        return known
    renumbered = await cluster.update(CONTROLLER_REVISION, {**same[-1], "revision": number})
    return [*(one for one in known if one is not same[-1]), renumbered]


async def _create(cluster: Cluster, kind: Kind, owner: Object, number: int) -> Object:
    collisions = (owner.get("status") or {}).get("collisionCount") or 0
    try:
        return await cluster.create(CONTROLLER_REVISION, new_revision(kind, owner, number, collisions))
    except ApiError as error:
        if error.reason == "AlreadyExists":
            status = {**(owner.get("status") or {}), "collisionCount": collisions + 1}
            await cluster.set_status(kind, owner, status)
        raise


async def forget_revisions(
    cluster: Cluster, owner: Object, revisions: list[Object], used: Collection[str]
) -> None:
    """Delete the oldest revisions beyond `revisionHistoryLimit` that no pod has."""
    limit = owner["spec"].get("revisionHistoryLimit")
    unused = [one for one in revisions[:-1] if name_of(one) not in used]
    for one in unused[: max(0, len(unused) - (10 if limit is None else int(limit)))]:
        await cluster.delete(CONTROLLER_REVISION, one)


def revision_name(pod: Object) -> str:
    """The name of the pod's revision, as its label says."""
    return labels_of(pod).get(REVISION_LABEL, "")
