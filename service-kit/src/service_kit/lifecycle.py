"""The life of a service: starting → ready → draining → closed, never backwards.

Liveness is true throughout; readiness is true only in `ready` and while every check passes, so that a pod
that lost its database leaves the Service's endpoints but is not killed for it. A service that cannot recover
by itself fails: it is unready from then on, and its process ends in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum

from service_kit.errors import ServiceKitError

Check = Callable[[], str | None]
"""Returns why the service cannot do its work now, or None when it can. It must be cheap: probes call it
often.
"""


class Phase(IntEnum):
    """Where a service is in its life."""

    STARTING = 0
    READY = 1
    DRAINING = 2
    CLOSED = 3


class Lifecycle:
    """The phase, those who wait for it, and the checks that readiness consists of."""

    def __init__(self) -> None:
        self._phase = Phase.STARTING
        self._reached = {phase: asyncio.Event() for phase in Phase}
        self._checks: dict[str, Check] = {}
        self._failed = asyncio.Event()
        self.failure: str | None = None

    @property
    def phase(self) -> Phase:
        """The present phase."""
        return self._phase

    @property
    def draining(self) -> bool:
        """Whether new work should be refused."""
        return self._phase >= Phase.DRAINING

    def advance(self, phase: Phase) -> None:
        """Go to a later phase and wake those who wait for it; the same phase again is nothing."""
        if phase < self._phase:
            raise ServiceKitError(f"a service cannot go back from {self._phase.name} to {phase.name}")
        self._phase = phase
        for reached, event in self._reached.items():
            if reached <= phase:
                event.set()

    async def wait_for(self, phase: Phase) -> None:
        """Return when the phase (or a later one) is reached; a long answer, such as a stream, ends at
        DRAINING.
        """
        await self._reached[phase].wait()

    def fail(self, reason: str) -> None:
        """Never be ready again, and have the process end; the first reason is the one that counts."""
        self.failure = self.failure or reason
        self._failed.set()

    async def failed(self) -> str:
        """Return why, when the service fails."""
        await self._failed.wait()
        return str(self.failure)

    def add_check(self, name: str, check: Check) -> None:
        """Make readiness depend on a check."""
        self._checks[name] = check

    def unready_reasons(self) -> dict[str, str]:
        """Why the service is not ready, by check; empty when it is."""
        if self._phase is not Phase.READY:
            return {"phase": self._phase.name.lower()}
        if self.failure is not None:
            return {"failure": self.failure}
        return {name: reason for name, check in self._checks.items() if (reason := check()) is not None}
