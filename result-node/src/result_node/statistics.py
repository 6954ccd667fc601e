"""Statistics of a window of time, from the minutes' summary that the writers keep: never from the rows
themselves.

One scan of at most a day of minutes gives the totals, the course over time, and the shares of workers and
versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from result_node.database import Database, Row
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
        buckets = tuple(a + b for a, b in zip(self.buckets, other.buckets, strict=True))
        return Tally(self.answers + other.answers, self.undefined + other.undefined, buckets)

    def latency_s(self, fraction: float) -> float | None:
        """A percentile of the latency."""
        return percentile_s(self.buckets, fraction)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the course: when it begins, how much of it has passed, what was answered in it."""

    start: datetime
    seconds: float
    tally: Tally
    by_version: dict[str, int] = field(default_factory=dict)

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


async def gather(database: Database, window: WindowName, *, now: datetime) -> Statistics:
    """The statistics of the window that ends now. Raises DatabaseAwayError, DatabaseBusyError."""
    start, step = window_start(window, now), WINDOWS[window][1]
    rows = await database.fetch(tallies(start, step))
    return arrange(rows, window, now=now)


def window_start(window: WindowName, now: datetime) -> datetime:
    """The beginning of the window's first step, so that all steps but the last are whole."""
    length, step = WINDOWS[window]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return now - (now - epoch) % step - length + step


def tallies(start: datetime, step: timedelta) -> Statement:
    """Sums by step and version, by worker, and by version, in one scan."""
    buckets = ", ".join(f"sum(latency_buckets[{n}])::bigint" for n in range(1, BUCKETS + 1))
    sql = f"""
        SELECT date_bin($2, minute, 'epoch') AS step, worker, version, status,
            sum(answers)::bigint AS answers, array[{buckets}] AS buckets
        FROM result_minutes WHERE minute >= $1
        GROUP BY GROUPING SETS ((step, version, status), (worker, status), (version, status))"""  # noqa: S608 - constants only
    return Statement(sql, (start, step))


def arrange(rows: Iterable[Row], window: WindowName, *, now: datetime) -> Statistics:
    """Put the sums where they belong."""
    workers: dict[str, Tally] = {}
    versions: dict[str, Tally] = {}
    steps: dict[datetime, Tally] = {}
    by_version: dict[datetime, dict[str, int]] = {}
    for row in rows:
        tally = _tally(row)
        if row["worker"] is not None:
            workers[row["worker"]] = workers.get(row["worker"], Tally()) + tally
        elif row["step"] is None:
            versions[row["version"]] = versions.get(row["version"], Tally()) + tally
        else:
            steps[row["step"]] = steps.get(row["step"], Tally()) + tally
            share = by_version.setdefault(row["step"], {})
            share[row["version"]] = share.get(row["version"], 0) + tally.answers
    start, step = window_start(window, now), WINDOWS[window][1]
    course = []
    moment = start
    while moment <= now:
        seconds = min(step, now - moment).total_seconds()
        course.append(Step(moment, seconds, steps.get(moment, Tally()), by_version.get(moment, {})))
        moment += step
    return Statistics(
        window=window,
        start=start,
        end=now,
        step=step,
        total=sum(versions.values(), Tally()),
        steps=course,
        workers=_largest_first(workers),
        versions=_largest_first(versions),
    )


def _tally(row: Row) -> Tally:
    answers = row["answers"]
    return Tally(
        answers, answers if row["status"] == "undefined" else 0, tuple(n or 0 for n in row["buckets"])
    )


def _largest_first(shares: dict[str, Tally]) -> dict[str, Tally]:
    return dict(sorted(shares.items(), key=lambda item: (-item[1].answers, item[0])))
