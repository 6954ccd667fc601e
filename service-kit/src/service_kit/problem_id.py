"""Problem ids: 128 bits that say when, which run and which number, so that a run is remembered as one bit per
problem.

UUIDv8 (RFC 9562), most significant first: 48 bits Unix milliseconds at which the run's segment began · 4 bits
version · 12 bits run tag · 2 bits variant · 22 bits run tag · 40 bits sequence. UUIDv7, for a client without
ids of its own, has its milliseconds in the same place. So ids sort by time, a table can be partitioned by
them, and their primary key stays unique over all partitions. A run has 34 bits of tag, so two runs are told
apart by tag and time, not by tag alone.
"""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass

MILLISECONDS_LIMIT = 1 << 48
RUN_LIMIT = 1 << 34
SEQUENCE_LIMIT = 1 << 40
_RUN_LOW_BITS = 22
_VARIANT = 0b10 << 62


@dataclass(frozen=True, slots=True)
class RunPosition:
    """Where a problem stands in a run: the segment's beginning, the run's tag, the number within the run."""

    segment_ms: int
    run: int
    sequence: int

    def __post_init__(self) -> None:
        """Refuse what does not fit into its bits."""
        for name, value, limit in (
            ("segment_ms", self.segment_ms, MILLISECONDS_LIMIT),
            ("run", self.run, RUN_LIMIT),
            ("sequence", self.sequence, SEQUENCE_LIMIT),
        ):
            if not 0 <= value < limit:
                raise ValueError(f"{name} must be from 0 to {limit - 1}, not {value}")


def encode_position(position: RunPosition) -> uuid.UUID:
    """The UUIDv8 of a position."""
    run_high, run_low = divmod(position.run, 1 << _RUN_LOW_BITS)
    high = position.segment_ms << 16 | 8 << 12 | run_high
    low = _VARIANT | run_low << 40 | position.sequence
    return uuid.UUID(int=high << 64 | low)


def decode_position(problem_id: uuid.UUID) -> RunPosition:
    """The position that a UUIDv8 carries; raises ValueError for another version."""
    if problem_id.version != 8:
        raise ValueError(f"{problem_id} is not a version 8 UUID, so it carries no run and sequence")
    value = problem_id.int
    run_high = value >> 64 & 0xFFF
    run_low = value >> 40 & 0x3FFFFF
    return RunPosition(value >> 80, run_high << _RUN_LOW_BITS | run_low, value & SEQUENCE_LIMIT - 1)


def fresh_id(*, milliseconds: int | None = None) -> uuid.UUID:
    """A new UUIDv7 of this moment, for a problem that came without an id."""
    moment = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    random = int.from_bytes(os.urandom(10), "big")
    high = moment << 16 | 7 << 12 | random >> 68
    low = _VARIANT | random & (1 << 62) - 1
    return uuid.UUID(int=high << 64 | low)


def milliseconds_of(problem_id: uuid.UUID) -> int:
    """The Unix milliseconds that a version 7 or 8 id begins with."""
    return problem_id.int >> 80


def lowest_id(milliseconds: int) -> uuid.UUID:
    """The smallest UUID of a moment: the bound of a partition or of a search by time."""
    return uuid.UUID(int=milliseconds << 80)


def run_bounds(run: int, segment_ms: int) -> tuple[uuid.UUID, uuid.UUID]:
    """The first and last id of one segment of a run, both inclusive: an audit is one ordered scan per
    segment.
    """
    return (
        encode_position(RunPosition(segment_ms, run, 0)),
        encode_position(RunPosition(segment_ms, run, SEQUENCE_LIMIT - 1)),
    )


def format_run(run: int) -> str:
    """A run's tag as nine hexadecimal digits, as commands and pages show it."""
    return f"{run:09x}"
