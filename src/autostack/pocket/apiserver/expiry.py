"""Events end after their time: an hour by default, as in Kubernetes. A sweep a minute is precise enough for
that.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.cells import parse_time
from autostack.pocket.store.entry import Entry
from autostack.pocket.store.errors import StaleError, UnavailableError

SWEEP_INTERVAL_S = 60.0


def is_expired(entry: Entry, now: datetime, ttl_s: float) -> bool:
    """Whether the Event last happened longer ago than its time to live."""
    event = entry.object
    series = event.get("series") or {}
    stamps = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    stamp = next(filter(None, stamps), None) or event["metadata"]["creationTimestamp"]
    moment = parse_time(stamp)
    return moment is not None and now - moment > timedelta(seconds=ttl_s)


async def sweep(core: Core, now: datetime) -> int:
    """Remove the Events whose time is up; one that changes meanwhile, or a full disk, waits for the next
    sweep.
    """
    expired = [e for e in core.store.entries("events") if is_expired(e, now, core.settings.event_ttl_s)]
    removals = (core.store.remove(entry.key, expected=entry.revision) for entry in expired)
    outcomes = await asyncio.gather(*removals, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, (StaleError, UnavailableError)):
            raise outcome
    return sum(isinstance(outcome, Entry) for outcome in outcomes)


async def sweep_for_ever(core: Core) -> None:
    """Sweep once a minute, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_INTERVAL_S)
        await sweep(core, datetime.now(UTC))
