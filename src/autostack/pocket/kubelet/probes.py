"""A running container's probes: when to ask, and what follows from the answers.

The start-up probe comes first; liveness and readiness begin when it has passed. Beside its schedule, a
probe that decides whether the container is up is also tried at short intervals until its first success, so
a program is Ready when it is ready and not up to a period later; failures of these extra tries do not count.
A container that is being ended for good is only asked whether it is ready: it is not to be killed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from autostack.pocket.client import Object
from autostack.pocket.kubelet.checks import CheckFailed, check
from autostack.pocket.kubelet.entering import Target
from autostack.pocket.kubelet.probing import ProbeKind, ProbeSpec, before_first, early_waits_s, probe_of
from autostack.pocket.kubelet.starting import PodSide

FIRST_AFTER_S = 1.0
"""When the first try that counts is made, if earlier ones that do not count are made before it."""
_TITLE = {"startup": "Startup", "liveness": "Liveness", "readiness": "Readiness"}


class Probes:
    """The probes of one run, and whom to call at a change; `on_unhealthy` once, when it must be killed."""

    def __init__(
        self,
        pod: PodSide,
        container: Object,
        target: Callable[[], Target | None],
        *,
        is_ending: Callable[[], bool],
        on_started: Callable[[], None],
        on_ready: Callable[[bool], None],
        on_unhealthy: Callable[[ProbeSpec], None],
    ) -> None:
        self._pod = pod
        self._container = container
        self._target = target
        self._is_ending = is_ending
        self._on_started = on_started
        self._on_ready = on_ready
        self._on_unhealthy = on_unhealthy

    async def run(self) -> None:
        """Probe until cancelled; a container without probes is started and ready at once."""
        startup = probe_of(self._container, "startup")
        if startup is not None and not await self._until_started(startup):
            return
        self._on_started()
        liveness, readiness = self._spec("liveness"), self._spec("readiness")
        async with asyncio.TaskGroup() as group:
            if liveness is not None:
                group.create_task(self._watch_liveness(liveness))
            if readiness is not None:
                group.create_task(self._watch_readiness(readiness))
            else:
                self._on_ready(True)

    def _spec(self, kind: ProbeKind) -> ProbeSpec | None:
        return probe_of(self._container, kind)

    async def _until_started(self, spec: ProbeSpec) -> bool:
        await asyncio.sleep(spec.initial_delay_s)
        verdict, early = before_first("startup"), early_waits_s(spec)
        wait_s = FIRST_AFTER_S if spec.success_threshold == 1 else 0.0
        while not verdict.passing:
            if await self._passes_early(spec, early, within_s=min(wait_s, spec.period_s)):
                return True
            if self._is_ending():
                return False
            wait_s = spec.period_s
            verdict = verdict.after(await self._ask(spec), spec)
            if verdict.run_passed is False and verdict.run_length >= spec.failure_threshold:
                self._on_unhealthy(spec)
                return False
        return True

    async def _watch_liveness(self, spec: ProbeSpec) -> None:
        await asyncio.sleep(spec.initial_delay_s)
        verdict = before_first("liveness")
        while not self._is_ending():
            verdict = verdict.after(await self._ask(spec), spec)
            if not verdict.passing:
                self._on_unhealthy(spec)
                return
            await asyncio.sleep(spec.period_s)

    async def _watch_readiness(self, spec: ProbeSpec) -> None:
        await asyncio.sleep(spec.initial_delay_s)
        verdict, early = before_first("readiness"), early_waits_s(spec)
        wait_s = FIRST_AFTER_S if spec.success_threshold == 1 else 0.0
        told: bool | None = None  # an adopted container keeps what it was until the first verdict
        while True:
            passed = await self._passes_early(spec, early, within_s=min(wait_s, spec.period_s))
            verdict = verdict.after(passed or await self._ask(spec), spec)
            if verdict.passing != told:
                told = verdict.passing
                self._on_ready(told)
            if told:
                early = iter(())
            wait_s = spec.period_s

    async def _passes_early(self, spec: ProbeSpec, waits_s: Iterator[float], *, within_s: float) -> bool:
        """Wait for the next try of the schedule, trying meanwhile; whether such a try has passed."""
        now = asyncio.get_running_loop().time
        due = now() + within_s
        for wait_s in waits_s:
            if now() + wait_s >= due:
                break
            await asyncio.sleep(wait_s)
            if await self._ask(spec, counts=False, timeout_s=min(spec.timeout_s, due - now())):
                return True
        await asyncio.sleep(due - now())
        return False

    async def _ask(self, spec: ProbeSpec, *, counts: bool = True, timeout_s: float | None = None) -> bool:
        try:
            await check(
                spec.action,
                self._container,
                pod_ip=self._pod.pod_ip,
                target=self._target(),
                timeout_s=spec.timeout_s if timeout_s is None else timeout_s,
            )
        except CheckFailed as failure:
            if counts:
                self._pod.event("Warning", "Unhealthy", f"{_TITLE[spec.kind]} probe failed: {failure}")
            return False
        return True
