"""The partitions of `results` as arithmetic: one an hour, bounded by ids, because an id begins with its time.

Everything here is about Unix milliseconds and half-open ranges; the database is asked elsewhere.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service_kit.problem_id import milliseconds_of

HOUR_MS = 3_600_000
HOURS_BEHIND = 3
"""Partitions that must exist before the present hour: a segment's time is up to an hour old, and a retry
comes later.
"""
HOURS_AHEAD = 24
"""Partitions made ahead, so that a day without any worker or CronJob alive still leaves room for the first
request.
"""

_BOUNDS = re.compile(r"FOR VALUES FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True)
class Partition:
    """One table of an hour."""

    name: str
    from_ms: int
    to_ms: int
    size_bytes: int = 0
    detaching: bool = False


def read_bounds(expression: str) -> tuple[int, int]:
    """Milliseconds of a partition from PostgreSQL's own text for its bounds; raises ValueError for another
    shape.
    """
    match = _BOUNDS.fullmatch(expression)
    if match is None:
        raise ValueError(f"not the bounds of a partition by id: {expression[:100]}")
    return milliseconds_of(uuid.UUID(match[1])), milliseconds_of(uuid.UUID(match[2]))


def merge_ranges(partitions: Iterable[Partition]) -> list[tuple[int, int]]:
    """The times that partitions cover, as few half-open ranges, latest first (where most ids are)."""
    merged: list[tuple[int, int]] = []
    for partition in sorted(partitions, key=lambda p: p.from_ms):
        if partition.detaching:
            continue
        if merged and merged[-1][1] == partition.from_ms:
            merged[-1] = (merged[-1][0], partition.to_ms)
        else:
            merged.append((partition.from_ms, partition.to_ms))
    return merged[::-1]


def partitions_to_drop(
    partitions: Sequence[Partition], *, now_ms: int, keep_hours: int, keep_bytes: int
) -> list[Partition]:
    """The oldest partitions that are beyond either limit; never one that a retry could still write to."""
    untouchable_from_ms = (now_ms // HOUR_MS - HOURS_BEHIND) * HOUR_MS
    oldest_ms = now_ms - keep_hours * HOUR_MS
    remaining = sum(partition.size_bytes for partition in partitions)
    dropped: list[Partition] = []
    for partition in sorted(partitions, key=lambda p: p.from_ms):
        if partition.to_ms > untouchable_from_ms:
            break
        too_big = bool(keep_bytes) and remaining > keep_bytes
        if partition.detaching or partition.to_ms <= oldest_ms or too_big:
            dropped.append(partition)
            remaining -= partition.size_bytes
    return dropped
