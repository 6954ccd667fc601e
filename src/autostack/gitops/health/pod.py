"""Pod: Degraded as soon as a container that should run cannot; a pod that should end is Progressing until
it has.
"""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, UNKNOWN, Health
from autostack.gitops.objects import Object, conditions


def assess(live: Object) -> Health:  # noqa: PLR0911 - one return for each state, in Argo CD's order
    """The Pod's health."""
    status = live.get("status") or {}
    runs_forever = (live.get("spec") or {}).get("restartPolicy", "Always") == "Always"
    message = status.get("message", "")
    if runs_forever and (stuck := _stuck_messages(status)):
        return Health(DEGRADED, ", ".join(stuck))
    phase = status.get("phase")
    if phase == "Pending":
        return Health(PROGRESSING, message)
    if phase == "Succeeded":
        return Health(HEALTHY, message)
    if phase == "Failed":
        return Health(DEGRADED, message or _failure(status))
    if phase != "Running":
        return Health(UNKNOWN, message)
    if not runs_forever:
        return Health(PROGRESSING, message)
    if conditions(live).get("Ready", {}).get("status") == "True":
        return Health(HEALTHY, message)
    if any(
        (container.get("lastState") or {}).get("terminated")
        for container in status.get("containerStatuses") or []
    ):
        return Health(DEGRADED, message)
    return Health(PROGRESSING, message)


def _stuck_messages(status: Object) -> list[str]:
    found = []
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            found.append(waiting.get("message") or reason)
    return found


def _failure(status: Object) -> str:
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        terminated = (container.get("state") or {}).get("terminated") or {}
        if terminated.get("message"):
            return str(terminated["message"])
        if terminated.get("reason") == "OOMKilled":
            return "OOMKilled"
        if terminated.get("exitCode"):
            return f'container "{container.get("name")}" failed with exit code {terminated["exitCode"]}'
    return ""
