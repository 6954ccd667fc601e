"""Where a release stands in the cluster: its workloads, the pods that run it, and what keeps them from
being ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autostack.gitops import health
from autostack.gitops.guard.bump import Release
from autostack.gitops.health.verdict import HEALTHY
from autostack.gitops.objects import Object, ObjectKey, conditions, is_being_deleted, metadata

_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
_CRASHES = 2  # one restart may be bad luck with a dependency; the second is a pattern


@dataclass(frozen=True, slots=True)
class Rollout:
    """One release in the cluster. `pods` are (namespace, name) of those that run the release."""

    present: bool
    ready: bool
    failure: str
    pods: tuple[tuple[str, str], ...]


def seen(release: Release, live: Mapping[ObjectKey, Object], owned: Iterable[ObjectKey]) -> Rollout:
    """The rollout of a release over all workloads of the application that use its image."""
    suffix = f"/{release.app}:{release.version}@{release.digest}"
    workloads = [
        live[key]
        for key in owned
        if key.kind in _WORKLOADS and key in live and _uses(_pod_spec(live[key]), suffix)
    ]
    pods = [
        obj
        for key, obj in live.items()
        if key.kind == "Pod"
        and not is_being_deleted(obj)
        and _uses(obj.get("spec") or {}, suffix)
        and _is_of(obj, {"ReplicaSet", "StatefulSet", "DaemonSet"})
    ]
    verdicts = [health.assess(workload) for workload in workloads]
    is_ready = bool(workloads) and all(
        verdict is not None and verdict.status == HEALTHY for verdict in verdicts
    )
    return Rollout(
        present=bool(workloads),
        ready=is_ready,
        failure=_failure(workloads, pods),
        pods=tuple(sorted((metadata(pod)["namespace"], metadata(pod)["name"]) for pod in pods)),
    )


def _failure(workloads: list[Object], pods: list[Object]) -> str:
    for workload in workloads:
        if conditions(workload).get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
            return f"{workload['kind']} {metadata(workload)['name']} exceeded its progress deadline"
    for pod in pods:
        for container in (pod.get("status") or {}).get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting") or {}
            ended = (container.get("lastState") or {}).get("terminated") or {}
            crashes = container.get("restartCount", 0) >= _CRASHES and not container.get("ready")
            if waiting.get("reason") == "CrashLoopBackOff" or (crashes and ended):
                return (
                    f"pod {metadata(pod)['name']} keeps crashing (exit code "
                    f"{ended.get('exitCode', 'unknown')})"
                )
    return ""


def _pod_spec(workload: Object) -> Object:
    found: Object = ((workload.get("spec") or {}).get("template") or {}).get("spec") or {}
    return found


def _uses(pod_spec: Object, suffix: str) -> bool:
    return any(
        str(container.get("image", "")).endswith(suffix) for container in pod_spec.get("containers") or []
    )


def _is_of(pod: Object, kinds: set[str]) -> bool:
    return any(owner.get("kind") in kinds for owner in metadata(pod).get("ownerReferences") or [])
