"""Statistics without reading the past again: the steps that are over are read once and remembered.

A flush counts its rows into the minute in which its transaction began, so a step can change for as long as a
transaction may last after it; then it is settled. A request reads the steps since, which is a few hundred
rows instead of a day's. The price is a little memory, and that rows which somebody writes into the past are
not seen; so the memory is dropped whenever the database was away, as it is while being restored.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from result_node.database import Database
from result_node.statistics import (
    WINDOWS,
    Shares,
    Statistics,
    WindowName,
    arrange,
    shares_by_step,
    step_starts,
    tallies,
)

SETTLED_AFTER = timedelta(minutes=2)
"""The writers' statements end within seconds, and clocks differ by less than this."""


class Course:
    """The statistics of one database; `of` reads what it does not know yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._absences = database.absences
        self._settled: dict[timedelta, dict[datetime, Shares]] = {step: {} for _, step in WINDOWS.values()}

    async def of(self, window: WindowName, *, now: datetime) -> Statistics:
        """The statistics of the window that ends now. Raises DatabaseAwayError, DatabaseBusyError."""
        if self._absences != self._database.absences:
            self._absences = self._database.absences
            self.forget()
        step = WINDOWS[window][1]
        settled = self._settled[step]
        starts = step_starts(window, now)
        unsettled = [start for start in starts if start not in settled]
        rows = await self._database.fetch(tallies(unsettled[0], step))
        fresh = shares_by_step(rows)
        for start in unsettled:
            if start + step + SETTLED_AFTER <= now:
                settled[start] = fresh.get(start, Shares())
        self._drop_old(step, now)
        return arrange({**settled, **fresh}, window, now=now)

    def forget(self) -> None:
        """Know nothing any more."""
        for settled in self._settled.values():
            settled.clear()

    def _drop_old(self, step: timedelta, now: datetime) -> None:
        longest = max(length for length, of in WINDOWS.values() if of == step)
        settled = self._settled[step]
        for start in [start for start in settled if start < now - longest]:
            del settled[start]
