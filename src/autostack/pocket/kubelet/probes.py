"""A running container's probes: when to ask, and what follows from the answers.

The start-up probe comes first; liveness and readiness begin when it has passed. Beside its schedule, a
probe that decides whether the container is up is also tried at short, growing intervals until its first
success, so a program that is ready at once is Ready at once; failures of these extra tries do not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from autostack.pocket.client import Object
from autostack.pocket.kubelet.checks import CheckFailed, check
from autostack.pocket.kubelet.entering import Target
from autostack.pocket.kubelet.probing import ProbeKind, ProbeSpec, Verdict, before_first, probe_of
from autostack.pocket.kubelet.starting import PodSide

EARLY_S = (0.05, 0.1, 0.2, 0.3, 0.5)
_TITLE = {"startup": "Startup", "liveness": "Liveness", "readiness": "Readiness"}


class Probes:
    """The probes of one run, and whom to call at a change; `on_unhealthy` once, when it must be killed."""

    def __init__(
        self,
        pod: PodSide,
        container: Object,
        target: Callable[[], Target | None],
        *,
        on_started: Callable[[], None],
        on_ready: Callable[[bool], None],
        on_unhealthy: Callable[[ProbeSpec], None],
    ) -> None:
        self._pod = pod
        self._container = container
        self._target = target
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
        verdict = await self._first(spec)
        while not verdict.passing:
            verdict = verdict.after(await self._ask(spec), spec)
            if verdict.run_passed is False and verdict.run_length >= spec.failure_threshold:
                self._on_unhealthy(spec)
                return False
            if not verdict.passing:
                await asyncio.sleep(spec.period_s)
        return True

    async def _watch_liveness(self, spec: ProbeSpec) -> None:
        await asyncio.sleep(spec.initial_delay_s)
        verdict = before_first("liveness")
        while True:
            verdict = verdict.after(await self._ask(spec), spec)
            if not verdict.passing:
                self._on_unhealthy(spec)
                return
            await asyncio.sleep(spec.period_s)

    async def _watch_readiness(self, spec: ProbeSpec) -> None:
        verdict = await self._first(spec)
        self._on_ready(verdict.passing)
        while True:
            if verdict.run_length:
                await asyncio.sleep(spec.period_s)
            before = verdict.passing
            verdict = verdict.after(await self._ask(spec), spec)
            if verdict.passing != before:
                self._on_ready(verdict.passing)

    async def _first(self, spec: ProbeSpec) -> Verdict:
        """The verdict after the extra early tries; what they could not decide is left to the schedule."""
        await asyncio.sleep(spec.initial_delay_s)
        verdict = before_first(spec.kind)
        if spec.success_threshold == 1:
            waited_s = 0.0
            for delay_s in EARLY_S:
                if await self._ask(spec, counts=False):
                    return verdict.after(True, spec)
                waited_s += delay_s
                if waited_s >= spec.period_s:
                    break
                await asyncio.sleep(delay_s)
        return verdict

    async def _ask(self, spec: ProbeSpec, *, counts: bool = True) -> bool:
        try:
            await check(
                spec.action,
                self._container,
                pod_ip=self._pod.pod_ip,
                target=self._target(),
                timeout_s=spec.timeout_s,
            )
        except CheckFailed as failure:
            if counts:
                self._pod.event("Warning", "Unhealthy", f"{_TITLE[spec.kind]} probe failed: {failure}")
            return False
        return True
