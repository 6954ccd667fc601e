"""Probes as arithmetic: the schedule, the thresholds and what a run of results means. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from autostack.pocket.client import Object

ProbeKind = Literal["startup", "liveness", "readiness"]
KINDS: tuple[ProbeKind, ...] = ("startup", "liveness", "readiness")

_EARLY_S = (0.0, 0.05, 0.1, 0.2)
_THEN_EVERY_S, _EXEC_EVERY_S = 0.25, 0.5
_EARLY_FOR_S = 30.0


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """One probe with Kubernetes' defaults filled in; `action` is the exec, httpGet or tcpSocket of it."""

    kind: ProbeKind
    action: Mapping[str, Any]
    initial_delay_s: int
    period_s: int
    timeout_s: int
    success_threshold: int
    failure_threshold: int
    grace_s: int | None


def probe_of(container: Object, kind: ProbeKind) -> ProbeSpec | None:
    """The container's probe of that kind."""
    probe = container.get(f"{kind}Probe")
    if not probe:
        return None
    return ProbeSpec(
        kind,
        {key: probe[key] for key in ("exec", "httpGet", "tcpSocket", "grpc") if key in probe},
        initial_delay_s=probe.get("initialDelaySeconds") or 0,
        period_s=probe.get("periodSeconds") or 10,
        timeout_s=probe.get("timeoutSeconds") or 1,
        success_threshold=probe.get("successThreshold") or 1,
        failure_threshold=probe.get("failureThreshold") or 3,
        grace_s=probe.get("terminationGracePeriodSeconds"),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one probe: what it says now, and the run of equal results that led there."""

    passing: bool
    run_passed: bool | None = None
    run_length: int = 0

    def after(self, passed: bool, spec: ProbeSpec) -> Verdict:
        """The verdict after one more result."""
        length = self.run_length + 1 if self.run_passed == passed else 1
        threshold = spec.success_threshold if passed else spec.failure_threshold
        return Verdict(passed if length >= threshold else self.passing, passed, length)


def before_first(kind: ProbeKind) -> Verdict:
    """Liveness is presumed; readiness and start-up are not."""
    return Verdict(passing=kind == "liveness")


def early_waits_s(spec: ProbeSpec) -> Iterator[float]:
    """The pauses before the extra tries of a probe that has not passed yet: some at once, then a few a second
    for half a minute; entering a container costs more than a request. None where one success is not enough.
    """
    if spec.success_threshold > 1:
        return
    yield from _EARLY_S
    every_s = _EXEC_EVERY_S if "exec" in spec.action else _THEN_EVERY_S
    for _ in range(round(_EARLY_FOR_S / every_s)):
        yield every_s


def http_target(
    action: Mapping[str, Any], pod_ip: str, port: int
) -> tuple[str, str, int, str, dict[str, str]]:
    """(scheme, host, port, path, headers) of an httpGet."""
    headers = {entry["name"]: entry["value"] for entry in action.get("httpHeaders") or []}
    path = action.get("path") or "/"
    return (
        str(action.get("scheme") or "HTTP").lower(),
        action.get("host") or pod_ip,
        port,
        path if path.startswith("/") else f"/{path}",
        headers,
    )


def port_number(container: Object, port: int | str) -> int | None:
    """A port by number or by the name of one of the container's ports; None when there is no such name."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    named = (entry for entry in container.get("ports") or [] if entry.get("name") == port)
    return next((int(entry["containerPort"]) for entry in named), None)
