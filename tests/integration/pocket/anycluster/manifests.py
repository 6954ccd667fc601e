"""The objects that the tests make: programs of a shell, by an image that every cluster can have."""

from __future__ import annotations

from typing import Any

IMAGE = "busybox:1.36"
RUNS = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def pod_spec(script: str = RUNS, **container: Any) -> dict[str, Any]:
    """One container `main` that runs a script, and ends soon."""
    spec = container.pop("spec", {})
    main = {"name": "main", "image": IMAGE, "command": ["sh", "-c", script], **container}
    return {"terminationGracePeriodSeconds": 2, "containers": [main], **spec}


def pod(name: str, script: str = RUNS, **container: Any) -> dict[str, Any]:
    """A pod with the label app=<name>."""
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(script, **container)}


def workload(kind: str, name: str, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    """A Deployment, ReplicaSet or StatefulSet whose pods have the label app=<name>."""
    template = {"metadata": {"labels": {"app": name}}, "spec": spec.pop("pod", pod_spec())}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }


def condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    """One of an object's conditions, `{}` when it is not there."""
    found = (obj.get("status") or {}).get("conditions") or []
    return next((one for one in found if one["type"] == kind), {})


def main_state(found: dict[str, Any]) -> dict[str, Any]:
    """The status of the container `main`."""
    statuses = (found.get("status") or {}).get("containerStatuses") or [{}]
    return dict(statuses[0])
