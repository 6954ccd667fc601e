"""When a CronJob is due: its schedule in its time zone, and what was missed. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
MANY_MISSED = 100


class BadScheduleError(ValueError):
    """A schedule or time zone that can't be followed; `reason` is that of the Event."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Due:
    """The latest time that is due, if any; when to look next; whether very many were missed."""

    latest: datetime | None
    next: datetime | None
    too_many_missed: bool = False


def zone_of(spec: Mapping[str, Any]) -> tzinfo:
    """The CronJob's time zone, UTC when it has none."""
    name = spec.get("timeZone")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadScheduleError("UnknownTimeZone", f'invalid timeZone: "{name}": {error}') from error


def due(spec: Mapping[str, Any], *, since: datetime, now: datetime) -> Due:
    """What is due after `since` up to `now`; nothing older than startingDeadlineSeconds counts."""
    zone = zone_of(spec)
    deadline_s = spec.get("startingDeadlineSeconds")
    if deadline_s is not None:
        since = max(since, now - timedelta(seconds=deadline_s))
    text = spec["schedule"]
    expression = MACROS.get(text, text)
    try:
        forward = CronSim(expression, since.astimezone(zone))
        missed = list(
            itertools.takewhile(lambda moment: moment <= now, itertools.islice(forward, MANY_MISSED + 1))
        )
        if len(missed) > MANY_MISSED:
            backward = CronSim(expression, now.astimezone(zone) + timedelta(seconds=1), reverse=True)
            missed.append(next(backward))
        upcoming = next(CronSim(expression, now.astimezone(zone)), None)
    except CronSimError as error:
        raise BadScheduleError("UnparseableSchedule", f'unparseable schedule: "{text}": {error}') from error
    latest = missed[-1].astimezone(UTC) if missed else None
    return Due(latest, upcoming.astimezone(UTC) if upcoming else None, len(missed) > MANY_MISSED)


def is_too_late(spec: Mapping[str, Any], scheduled: datetime, now: datetime) -> bool:
    """Whether startingDeadlineSeconds has passed for that time."""
    deadline_s = spec.get("startingDeadlineSeconds")
    return deadline_s is not None and scheduled + timedelta(seconds=deadline_s) < now
