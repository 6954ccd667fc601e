"""The proof, step by step: baseline, attacks with healing between them, recovery, audit, verdict.

It ends with a Proof, whatever the verdict; an error means that nothing can be said. The chaos agent is asked
for single attacks, so that the number of kills is certain and only the victims are chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from lightkube import AsyncClient

from autostack.errors import UnavailableError
from autostack.resilience.audit import Audit, AuditResult, Run
from autostack.resilience.chaos import NAMESPACE, Chaos
from autostack.resilience.curves import curve
from autostack.resilience.errors import NotSteadyError
from autostack.resilience.observer import Clock, Observer
from autostack.resilience.recovery import Repair, repairs
from autostack.resilience.samples import Recording
from autostack.resilience.system import System
from autostack.resilience.verdict import Phases, Tolerance, Verdict, judge

Say = Callable[[str], None]
_Answer = TypeVar("_Answer")
_SAMPLE_S = 0.25
_KILL_SEEN_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. `kills` is the least number of pods (0: no attack, only the audit)."""

    kills: int = 4
    baseline_s: float = 10.0
    recovery_s: float = 10.0
    between_s: float = 2.0
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(frozen=True, slots=True)
class Proof:
    """One carried-out proof."""

    plan: Plan
    began: str
    recording: Recording
    repairs: list[Repair]
    run: Run
    audit: AuditResult
    phases: Phases
    verdict: Verdict


class Experiment:
    """One proof on one system; `carry_out` may be called once."""

    def __init__(self, client: AsyncClient, system: System, plan: Plan, say: Say) -> None:
        self._system = system
        self._plan = plan
        self._say = say
        self._clock = Clock()
        self._recording = Recording()
        self._chaos = Chaos(client)
        self._observer = Observer(client, NAMESPACE, self._clock, self._recording)

    async def carry_out(self) -> Proof:
        """Raises NotSteadyError when the system is not healthy, UnavailableError when it is not there."""
        await self._system.traffic(0)  # before anything is watched: is there a system at all?
        async with self._observer.watching(), self._sampling():
            await self._baseline()
            await self._attack()
            self._say(f"recovery: {self._plan.recovery_s:g} s of undisturbed traffic")
            await asyncio.sleep(self._plan.recovery_s)
        return await self._conclude()

    async def _baseline(self) -> None:
        self._say(f"baseline: {self._plan.baseline_s:g} s of undisturbed traffic")
        if not await self._observer.until_ready(within_s=self._plan.tolerance.repair_s):
            raise NotSteadyError(
                "not every Deployment is ready, so the attack did not begin; see `autostack status`"
            )
        await asyncio.sleep(self._plan.baseline_s)
        traffic = self._recording.traffic
        if len(traffic) < 2 or traffic[-1].acknowledged <= traffic[0].acknowledged:
            raise NotSteadyError(
                "no problem was acknowledged; is the load 0? `PUT /load` of the sender sets it"
            )

    async def _attack(self) -> None:
        self._recording.attack_begins_s = self._clock.now_s()
        while len(self._recording.kills) < self._plan.kills:
            before = len(self._recording.kills)
            await self._chaos.wait_for(await self._chaos.once())
            await self._until_kills(before + 1)
            for kill in self._recording.kills[before:]:
                self._say(f"killed {kill.pod}")
            if not await self._observer.until_ready(within_s=self._plan.tolerance.repair_s):
                self._say(f"not healed within {self._plan.tolerance.repair_s:g} s")
                break
            self._say("healed")
            await asyncio.sleep(self._plan.between_s)
        self._recording.attack_ends_s = self._clock.now_s()

    async def _until_kills(self, count: int) -> None:
        try:
            async with asyncio.timeout(_KILL_SEEN_WITHIN_S), self._observer.changed:
                await self._observer.changed.wait_for(lambda: len(self._recording.kills) >= count)
        except TimeoutError:
            raise UnavailableError(
                "the chaos agent attacked and no Event told of a kill;"
                " do the workloads opt in by kube-monkey's labels?"
            ) from None

    async def _conclude(self) -> Proof:
        self._say("audit: every acknowledged problem against every stored row")
        # The bitmap first: a problem that is acknowledged while we look must not be missed in older rows.
        acknowledged = await self._patiently(self._system.acknowledged)
        run = await self._patiently(self._system.run)
        scan = Audit(run, acknowledged)
        async for row in self._system.rows(run):
            scan.see(row)
        audited = scan.finish()
        phases = _phases(self._recording)
        repaired = repairs(self._recording.kills, self._recording.readiness)
        return Proof(
            plan=self._plan,
            began=self._clock.began.isoformat(timespec="seconds"),
            recording=self._recording,
            repairs=repaired,
            run=run,
            audit=audited,
            phases=phases,
            verdict=judge(
                phases, repaired, audited, wanted_kills=self._plan.kills, tolerance=self._plan.tolerance
            ),
        )

    async def _patiently(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """The answer, asked for again while the system heals and for as long as it may take to."""
        deadline_s = self._clock.now_s() + self._plan.tolerance.repair_s
        while True:
            try:
                return await ask()
            except UnavailableError:
                if self._clock.now_s() > deadline_s:
                    raise
            await asyncio.sleep(_SAMPLE_S)

    @asynccontextmanager
    async def _sampling(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._sample(), name="sample the traffic")
        try:
            yield
        finally:
            task.cancel()

    async def _sample(self) -> None:
        """A sample that fails is a gap in the curve: the ingress may be hit too. A gap is told once."""
        gap_s: float | None = None
        while True:
            at_s = self._clock.now_s()
            try:
                self._recording.traffic.append(await self._system.traffic(at_s))
            except UnavailableError as error:
                if gap_s is None:
                    gap_s = at_s
                    self._say(f"a gap in the curve: {str(error).partition(';')[0]}")
            else:
                if gap_s is not None:
                    self._say(f"the curve goes on after {at_s - gap_s:.1f} s")
                gap_s = None
            await asyncio.sleep(_SAMPLE_S)


def _phases(recording: Recording) -> Phases:
    points = curve(recording.traffic)
    return Phases(
        baseline=[point for point in points if point.at_s <= recording.attack_begins_s],
        attack=[
            point for point in points if recording.attack_begins_s < point.at_s <= recording.attack_ends_s
        ],
        recovery=[point for point in points if point.at_s > recording.attack_ends_s],
    )
