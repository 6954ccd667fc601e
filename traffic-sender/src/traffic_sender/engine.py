"""One run of the sender: arrivals by the clock, addresses by the name, snapshots by the second.

The arrivals never wait for an answer; that is what keeps the loop open. Stopping is the reverse: no more
arrivals, then everything in flight is finished or reaches its deadline, then the final ledger is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service_kit.problem_id import RUN_LIMIT, format_run

from traffic_sender.dispatch import Dispatch
from traffic_sender.errors import LedgerFileError
from traffic_sender.flight import Limits
from traffic_sender.ledger import Ledger
from traffic_sender.ledger_file import Figures, LedgerFile, figures
from traffic_sender.problems import Mix
from traffic_sender.profiles import Profile
from traffic_sender.records import Records
from traffic_sender.resolution import Resolution
from traffic_sender.schedule import Schedule
from traffic_sender.target import Target

SNAPSHOT_INTERVAL_S = 1.0
_TAKE_LIMIT = 200  # arrivals handed out before the loop gets its turn
_LONGEST_SLEEP_S = 0.02  # a pause that a change of load need not interrupt
_LONGEST_WAIT_S = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run is asked to do."""

    target: Target
    profile: Profile
    mix: Mix
    limits: Limits = field(default_factory=Limits)
    duration_s: float = math.inf
    resolve_interval_s: float = 0.5
    ledger_dir: Path | None = None


class Engine:
    """A run. `start`, then `change_load` at will, then `stop`."""

    def __init__(self, plan: Plan) -> None:
        self._loop = asyncio.get_running_loop()
        self._plan = plan
        self.ledger = Ledger(run=secrets.randbelow(RUN_LIMIT), now_ms=time.time_ns() // 1_000_000)
        self.records = Records()
        self.dispatch = Dispatch(
            plan.target,
            ledger=self.ledger,
            mix=plan.mix,
            draw=random.Random(),  # noqa: S311 - draws problems, no secrets
            jitter=random.Random().random,  # noqa: S311 - spreads retries
            records=self.records,
            limits=plan.limits,
        )
        self.resolution = Resolution(
            plan.target, interval_s=plan.resolve_interval_s, changed=self.dispatch.set_addresses
        )
        self._file: LedgerFile | None = None
        if plan.ledger_dir is not None:
            self._file = LedgerFile(plan.ledger_dir, self.ledger, seed=plan.mix.seed)
        now_s = self._loop.time()
        self._schedule = Schedule(plan.profile, began_s=now_s, ends_s=now_s + plan.duration_s)
        self._load_changed = asyncio.Event()
        self._ending = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self.arrived = asyncio.Event()
        self.final = False

    @property
    def profile(self) -> Profile:
        """The load that is in force."""
        return self._schedule.profile

    def asked_tps(self) -> float:
        """The rate that the profile asks for now."""
        return self._schedule.rate(self._loop.time())

    def acknowledged_tps(self) -> int:
        """Problems acknowledged in the last second."""
        return self.records.last_second.per_second(self._loop.time())

    def workers(self) -> tuple[int, int]:
        """How many known workers are ejected now, and how many are not."""
        admitted = self.dispatch.balancer.admitted(self._loop.time())
        return len(self.dispatch.balancer.endpoints) - admitted, admitted

    def unready_reason(self) -> str | None:
        """Why the sender cannot do its work now; a target whose workers are all down does not count, because
        sending to it is the work.
        """
        if not self.dispatch.balancer.endpoints:
            return f"the target's name {self._plan.target.host} has no address yet: {self.resolution.failure}"
        return None

    def figures(self) -> Figures:
        """The ledger's figures now."""
        return figures(self.ledger, seed=self._plan.mix.seed, final=self.final)

    async def start(self) -> None:
        """Look the target up once, then begin; the schedule begins now."""
        await self.resolution.once()
        if self._file is not None:
            await self._file.snapshot()
        now_s = self._loop.time()
        self._schedule = Schedule(self._plan.profile, began_s=now_s, ends_s=now_s + self._plan.duration_s)
        self._own("arrivals", self._arrive())
        self._own("resolution", self.resolution.run())
        if self._file is not None:
            self._own("snapshots", self._snapshot_often(self._file))
        log.info("run began", extra={"run": format_run(self.ledger.run), "seed": self._plan.mix.seed})

    def change_load(self, profile: Profile) -> None:
        """Go on with another profile from now."""
        self._schedule = self._schedule.changed(profile, now_s=self._loop.time())
        self._load_changed.set()
        log.info("load changed", extra={"load": profile.model_dump()})

    async def stop(self, *, within_s: float) -> Figures:
        """No more arrivals; finish what is in flight, give up what is not done in time, write the final
        ledger. Calling it again returns the same.
        """
        if not self.final:
            await self._cancel("arrivals")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.dispatch.drained(), within_s)
            await self.dispatch.close()
            await self._cancel("resolution")
            self._ending.set()
            await asyncio.gather(*self._tasks, return_exceptions=True)  # a failure was noted as it happened
            self.final = True
            if self._file is not None:
                await self._file.snapshot(final=True)
            log.info("run ended", extra={"ledger": self.figures().model_dump(exclude={"segments"})})
        return self.figures()

    async def _arrive(self) -> None:
        while self._loop.time() < self._schedule.ends_s or self._schedule.next_s < math.inf:
            self._load_changed.clear()
            due = self._schedule.take(self._loop.time(), limit=_TAKE_LIMIT)
            for due_s in due:
                self.dispatch.issue(due_s)
            pause_s = min(self._schedule.next_s, self._schedule.ends_s) - self._loop.time()
            if len(due) == _TAKE_LIMIT or pause_s <= _LONGEST_SLEEP_S:
                await asyncio.sleep(0 if len(due) == _TAKE_LIMIT else max(pause_s, 0))
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._load_changed.wait(), min(pause_s, _LONGEST_WAIT_S))
        self.arrived.set()

    async def _snapshot_often(self, file: LedgerFile) -> None:
        """Ends when told to, never in the middle of a snapshot: a write in a thread cannot be called back."""
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), SNAPSHOT_INTERVAL_S)
            try:
                await file.snapshot()
            except LedgerFileError as error:
                log.exception("snapshot failed; the next one writes it too", exc_info=error)

    def _own(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("engine failed", exc_info=error, extra={"task": task.get_name()})
            if not self.failed.done():
                self.failed.set_exception(error)

    async def _cancel(self, name: str) -> None:
        for task in [task for task in self._tasks if task.get_name() == name]:
            task.cancel()
            await asyncio.wait([task])
            self._tasks.remove(task)
