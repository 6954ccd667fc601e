"""Statistics of a window of time, from the minutes' summary that the writers keep: never from the rows
themselves.

A window is a course of steps; each step keeps the shares of its workers and versions, and the totals are
their sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Literal

from result_node.database import Row
from result_node.percentiles import BUCKETS, percentile_s
from result_node.walks import Statement

WindowName = Literal["15m", "1h", "6h", "24h"]

WINDOWS: dict[WindowName, tuple[timedelta, timedelta]] = {
    "15m": (timedelta(minutes=15), timedelta(minutes=1)),
    "1h": (timedelta(hours=1), timedelta(minutes=1)),
    "6h": (timedelta(hours=6), timedelta(minutes=5)),
    "24h": (timedelta(hours=24), timedelta(minutes=15)),
}
"""Length of a window, and of the steps that it is divided into."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Answers counted together: how many, how many of them without a value, and their latency by bucket."""

    answers: int = 0
    undefined: int = 0
    buckets: tuple[int, ...] = (0,) * BUCKETS

    def __add__(self, other: Tally) -> Tally:
        buckets = tuple(map(add, self.buckets, other.buckets))
        return Tally(self.answers + other.answers, self.undefined + other.undefined, buckets)

    def latency_s(self, fraction: float) -> float | None:
        """A percentile of the latency."""
        return percentile_s(self.buckets, fraction)


@dataclass(frozen=True, slots=True)
class Shares:
    """What was answered, by worker and by version."""

    workers: Mapping[str, Tally] = field(default_factory=dict)
    versions: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the course: when it begins, how much of it has passed, what was answered in it."""

    start: datetime
    seconds: float
    tally: Tally
    by_version: dict[str, int]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.tally.answers / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """A window: its totals, its course, oldest first and without gaps, and the shares, largest first."""

    window: WindowName
    start: datetime
    end: datetime
    step: timedelta
    total: Tally
    steps: list[Step]
    workers: dict[str, Tally]
    versions: dict[str, Tally]


def step_starts(window: WindowName, now: datetime) -> list[datetime]:
    """The beginnings of a window's steps, oldest first, so that all steps but the last are whole."""
    length, step = WINDOWS[window]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = now - (now - epoch) % step - length + step
    return [first + n * step for n in range(length // step)]


def tallies(start: datetime, step: timedelta) -> Statement:
    """Sums by step, worker, version and status from a moment on."""
    buckets = ", ".join(f"sum(latency_buckets[{n}])::bigint" for n in range(1, BUCKETS + 1))
    sql = f"""
        SELECT date_bin($2, minute, 'epoch') AS step, worker, version, status,
            sum(answers)::bigint AS answers, array[{buckets}] AS buckets
        FROM result_minutes WHERE minute >= $1
        GROUP BY 1, 2, 3, 4"""  # noqa: S608 - constants only
    return Statement(sql, (start, step))


def shares_by_step(rows: Iterable[Row]) -> dict[datetime, Shares]:
    """Put the sums where they belong."""
    workers: dict[datetime, dict[str, Tally]] = {}
    versions: dict[datetime, dict[str, Tally]] = {}
    for row in rows:
        tally = _tally(row)
        _add(workers.setdefault(row["step"], {}), row["worker"], tally)
        _add(versions.setdefault(row["step"], {}), row["version"], tally)
    return {start: Shares(workers[start], versions[start]) for start in workers}


def arrange(shares: Mapping[datetime, Shares], window: WindowName, *, now: datetime) -> Statistics:
    """The statistics of the window that ends now; a step that has no shares had no answers."""
    starts, step = step_starts(window, now), WINDOWS[window][1]
    workers: dict[str, Tally] = {}
    versions: dict[str, Tally] = {}
    course = []
    for start in starts:
        there = shares.get(start, Shares())
        for into, tallies_ in ((workers, there.workers), (versions, there.versions)):
            for name, tally in tallies_.items():
                _add(into, name, tally)
        course.append(
            Step(
                start=start,
                seconds=min(step, now - start).total_seconds(),
                tally=sum(there.versions.values(), Tally()),
                by_version={name: tally.answers for name, tally in there.versions.items()},
            )
        )
    return Statistics(
        window=window,
        start=starts[0],
        end=now,
        step=step,
        total=sum(versions.values(), Tally()),
        steps=course,
        workers=_largest_first(workers),
        versions=_largest_first(versions),
    )


def _add(into: dict[str, Tally], name: str, tally: Tally) -> None:
    before = into.get(name)
    into[name] = tally if before is None else before + tally


def _tally(row: Row) -> Tally:
    answers = row["answers"]
    return Tally(
        answers, answers if row["status"] == "undefined" else 0, tuple(n or 0 for n in row["buckets"])
    )


def _largest_first(shares: dict[str, Tally]) -> dict[str, Tally]:
    return dict(sorted(shares.items(), key=lambda item: (-item[1].answers, item[0])))
