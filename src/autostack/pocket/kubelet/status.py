"""A pod's status from the state of its containers, with a kubelet's words. Pure.

Phase, conditions and reasons are those of the Kubernetes API, because controllers, `kubectl` and people
read them; a condition keeps its lastTransitionTime for as long as its status stays the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from autostack.pocket.client import Object
from autostack.pocket.controllers.meta import timestamp
from autostack.pocket.quantities import quantity

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]
OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


CREATING = ("ContainerCreating", "")
"""Why a container waits before anything else is known, and what there is to say of it."""
TERMINAL = ("Failed", "Succeeded")


@dataclass(frozen=True, slots=True)
class Ended:
    """One finished run of a container; times are seconds since the epoch."""

    exit_code: int
    reason: str
    started_at: float
    finished_at: float
    message: str = ""
    container_id: str = ""


@dataclass(frozen=True, slots=True)
class ContainerView:
    """One container as it is: exactly one of `waiting`, `running_since` and `ended` is set."""

    name: str
    image: str
    image_id: str = ""
    container_id: str = ""
    waiting: tuple[str, str] | None = CREATING
    running_since: float | None = None
    ended: Ended | None = None
    last: Ended | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    sidecar: bool = False


@dataclass(frozen=True, slots=True)
class PodView:
    """All that the status is derived from, besides the pod itself."""

    containers: Sequence[ContainerView]
    init_containers: Sequence[ContainerView]
    pod_ip: str | None
    host_ip: str
    started_at: float
    now: float
    sandbox_ready: bool
    failure: tuple[str, str] | None = None


def pod_status(pod: Object, view: PodView) -> dict[str, Any]:
    """The whole status object."""
    old = pod.get("status") or {}
    phase = "Failed" if view.failure else phase_of(pod, view)
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": conditions(pod, view, phase),
        "hostIP": view.host_ip,
        "hostIPs": [{"ip": view.host_ip}],
        "startTime": old.get("startTime") or _time(view.started_at),
        "qosClass": old.get("qosClass") or qos_class(pod),
        **_statuses(view),
    }
    if view.pod_ip:
        status |= {"podIP": view.pod_ip, "podIPs": [{"ip": view.pod_ip}]}
    if view.failure:
        status["reason"], status["message"] = view.failure
    for kept in ("observedGeneration", "nominatedNodeName"):
        if kept in old:
            status[kept] = old[kept]
    return status


def phase_of(pod: Object, view: PodView) -> Phase:
    """The phase, as the API reference defines it."""
    policy = pod["spec"].get("restartPolicy", "Always")
    for one in view.init_containers:
        if one.sidecar:
            if not one.started and one.ended is None and one.last is None:
                return "Pending"
        elif one.ended is None or one.ended.exit_code != 0:
            failed = one.ended is not None and policy == "Never" and not _is_attended(view)
            return "Failed" if failed else "Pending"
    over = [one.ended or one.last for one in view.containers if one.running_since is None]
    if any(end is None for end in over):
        return "Pending"
    if len(over) < len(view.containers) or policy == "Always" or _is_attended(view):
        return "Running"
    if all(end is not None and end.exit_code == 0 for end in over):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _is_attended(view: PodView) -> bool:
    """Whether a sidecar still runs: nothing is over before that."""
    return any(one.sidecar and one.running_since is not None for one in view.init_containers)


def _statuses(view: PodView) -> dict[str, list[dict[str, Any]]]:
    found = {"containerStatuses": [container_status(one) for one in view.containers]}
    if view.init_containers:
        found["initContainerStatuses"] = [
            {
                **container_status(one),
                "ready": one.ready or (one.ended is not None and not one.ended.exit_code),
            }
            for one in view.init_containers
        ]
        for one in itertools.chain(*found.values()):
            waiting = one["state"].get("waiting", {})
            if waiting.get("reason") == CREATING[0]:
                waiting["reason"] = "PodInitializing"
    return found


def container_status(view: ContainerView) -> dict[str, Any]:
    """One entry of containerStatuses."""
    if view.running_since is not None:
        state: dict[str, Any] = {"running": {"startedAt": _time(view.running_since)}}
    elif view.ended is not None:
        state = {"terminated": _terminated(view.ended)}
    else:
        reason, message = view.waiting or CREATING
        state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {
        "name": view.name,
        "state": state,
        "lastState": {"terminated": _terminated(view.last)} if view.last else {},
        "ready": view.ready,
        "started": view.started,
        "restartCount": view.restarts,
        "image": view.image,
        "imageID": view.image_id,
        **({"containerID": view.container_id} if view.container_id else {}),
    }


def _terminated(end: Ended) -> dict[str, Any]:
    return {
        "exitCode": end.exit_code,
        "reason": end.reason,
        "startedAt": _time(end.started_at),
        "finishedAt": _time(end.finished_at),
        **({"message": end.message} if end.message else {}),
        **({"containerID": end.container_id} if end.container_id else {}),
    }


def conditions(pod: Object, view: PodView, phase: str) -> list[dict[str, Any]]:
    """The kubelet's conditions, then those that others have written."""
    old = (pod.get("status") or {}).get("conditions") or []
    foreign = [one for one in old if one["type"] not in OURS]
    contents = _containers_ready(view, phase)
    made = [
        _condition("PodReadyToStartContainers", ok=view.sandbox_ready and phase not in TERMINAL),
        _initialized(view, phase),
        _ready(pod, foreign, contents),
        contents,
        _condition("PodScheduled", ok=True),
    ]
    return [_with_time(one, old, view.now) for one in made] + foreign


def _condition(type_: str, *, ok: bool, reason: str = "", message: str = "") -> dict[str, Any]:
    return {
        "type": type_,
        "status": "True" if ok else "False",
        **({"reason": reason} if reason else {}),
        **({"message": message} if message else {}),
    }


def _initialized(view: PodView, phase: str) -> dict[str, Any]:
    pending = [
        one.name
        for one in view.init_containers
        if not (one.started if one.sidecar else one.ended is not None and one.ended.exit_code == 0)
    ]
    if phase == "Succeeded":
        return _condition("Initialized", ok=True, reason="PodCompleted")
    if not pending:
        return _condition("Initialized", ok=True)
    message = f"containers with incomplete status: [{' '.join(pending)}]"
    return _condition("Initialized", ok=False, reason="ContainersNotInitialized", message=message)


def _containers_ready(view: PodView, phase: str) -> dict[str, Any]:
    sidecars = [one for one in view.init_containers if one.sidecar]
    unready = [one.name for one in [*sidecars, *view.containers] if not one.ready]
    if phase == "Succeeded":
        return _condition("ContainersReady", ok=False, reason="PodCompleted")
    if phase == "Failed":
        return _condition("ContainersReady", ok=False, reason="PodFailed")
    if not unready:
        return _condition("ContainersReady", ok=True)
    message = f"containers with unready status: [{' '.join(unready)}]"
    return _condition("ContainersReady", ok=False, reason="ContainersNotReady", message=message)


def _ready(pod: Object, foreign: Iterable[dict[str, Any]], contents: dict[str, Any]) -> dict[str, Any]:
    if contents["status"] != "True":
        return {**contents, "type": "Ready"}
    passed = {one["type"] for one in foreign if one["status"] == "True"}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    missing = [gate for gate in gates if gate not in passed]
    if not missing:
        return _condition("Ready", ok=True)
    message = f"the status of pod readiness gate {', '.join(missing)} is not True"
    return _condition("Ready", ok=False, reason="ReadinessGatesNotReady", message=message)


def _with_time(condition: dict[str, Any], old: Iterable[dict[str, Any]], now: float) -> dict[str, Any]:
    before = next((one for one in old if one["type"] == condition["type"]), None)
    same = before is not None and before["status"] == condition["status"]
    moment = before.get("lastTransitionTime") if before is not None and same else None
    return {**condition, "lastProbeTime": None, "lastTransitionTime": moment or _time(now)}


def qos_class(pod: Object) -> str:
    """Guaranteed, Burstable or BestEffort."""
    everyone = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    resources = [one.get("resources") or {} for one in everyone]
    if not any(one.get("limits") or one.get("requests") for one in resources):
        return "BestEffort"
    for one in resources:
        limits, requests = one.get("limits") or {}, one.get("requests") or {}
        for name in ("cpu", "memory"):
            if name not in limits or quantity(requests.get(name, limits[name])) != quantity(limits[name]):
                return "Burstable"
    return "Guaranteed"


def _time(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
