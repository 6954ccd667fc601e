"""When to attack: for each target a Poisson process with its mean time between failures. Pure.

Exponential waiting times have no memory, so neither a restart of the agent nor a changed label makes the
attacks more or less frequent than the label says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from chaos_agent.targets import Target


@dataclass(frozen=True, slots=True)
class Appointment:
    """The next attack on a target: drawn for this `mtbf_s`, due at `due_s` on the agent's clock."""

    target: Target
    due_s: float


class Pace:
    """The appointments with all targets; call `see` with those that exist now, then `due`."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._appointments: dict[str, Appointment] = {}

    @property
    def appointments(self) -> list[Appointment]:
        """The next attack on each target, soonest first."""
        return sorted(self._appointments.values(), key=lambda appointment: appointment.due_s)

    def see(self, targets: Iterable[Target], now_s: float) -> None:
        """Forget targets that are gone, meet new ones, draw anew where the mean has changed."""
        seen: dict[str, Appointment] = {}
        for target in targets:
            old = self._appointments.get(target.uid)
            if old and old.target.mtbf_s == target.mtbf_s:
                seen[target.uid] = Appointment(target, old.due_s)
            else:
                seen[target.uid] = self._draw(target, now_s)
        self._appointments = seen

    def due(self, now_s: float) -> list[Target]:
        """The targets to attack now; each gets its next appointment."""
        due = [appointment.target for appointment in self.appointments if appointment.due_s <= now_s]
        for target in due:
            self._appointments[target.uid] = self._draw(target, now_s)
        return due

    def _draw(self, target: Target, now_s: float) -> Appointment:
        return Appointment(target, now_s + self._chance.expovariate(1 / target.mtbf_s))
