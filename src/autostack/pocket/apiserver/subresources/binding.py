"""pods/binding: the scheduler's decision. A pod is bound once; a second node is a conflict."""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.metadata import now
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.apiserver.writing import ATTEMPTS, commit
from autostack.pocket.errors import FieldError, conflict, invalid, stale
from autostack.pocket.store.errors import StaleError

Object = dict[str, Any]


async def create(core: Core, call: Call, binding: Object) -> Object:
    """Write the node into the pod; answers a Status."""
    node = (binding.get("target") or {}).get("name")
    if not node:
        raise invalid(call.target, [FieldError("target.name", "", "Required value")])
    for _ in range(ATTEMPTS):
        entry = get(core, call)
        pod = entry.object
        if pod["metadata"].get("deletionTimestamp"):
            raise conflict(call.target, f"pod {call.name} is being deleted, cannot be assigned to a host")
        if pod["spec"].get("nodeName"):
            raise conflict(
                call.target, f'pod {call.name} is already assigned to node "{pod["spec"]["nodeName"]}"'
            )
        status = dict(pod.get("status", {}))
        kept = [item for item in status.get("conditions", []) if item["type"] != "PodScheduled"]
        status["conditions"] = [
            *kept,
            {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now()},
        ]
        bound = {
            **pod,
            "metadata": dict(pod["metadata"]),
            "spec": {**pod["spec"], "nodeName": node},
            "status": status,
        }
        try:
            if not call.dry_run:
                await commit(core, call, bound, entry)
        except StaleError:
            continue
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    raise stale(call.target)
