"""What became of every problem of a run, exactly, in one bit each.

Every problem is issued once and ends once: acknowledged (the worker answered after storing it), rejected (a
problem document said why not) or given up (with a reason; it may or may not be stored). At any moment
`issued == acknowledged + rejected + given_up + in_flight`. The acknowledged ones are bits by sequence number,
so an audit of millions is one ordered scan, and an hour at 2,000 a second is 0.9 MB.

A run is of one process: a restarted sender begins a new run with a new tag and does not continue the old.

Pure: moments and the run's tag come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from service_kit.problem_id import RunPosition, encode_position

SEGMENT_MS = 3_600_000
_GROWTH_BYTES = 4096


class GaveUp(StrEnum):
    """Why a problem was given up."""

    OVERLOAD = "overload"  # too many in flight: it was due and could not be sent
    LATE = "late"  # its deadline had passed before it could be sent at all
    DEADLINE = "deadline"  # tried, and not answered in time
    UNEXPECTED = "unexpected"  # an answer that no retry would better and that is no problem document
    SHUTDOWN = "shutdown"  # the sender had to end


@dataclass(frozen=True, slots=True)
class Segment:
    """From a sequence number on, ids carry this time."""

    start_ms: int
    first_sequence: int


class Ledger:
    """The accounts of one run."""

    def __init__(self, *, run: int, now_ms: int) -> None:
        self.run = run
        self.segments = [Segment(now_ms, 0)]
        self.issued = 0
        self.acknowledged = 0
        self.rejected = 0
        self.given_up = dict.fromkeys(GaveUp, 0)
        self._bits = bytearray()
        self._changed_from: int | None = None

    @property
    def in_flight(self) -> int:
        """Issued and not ended."""
        return self.issued - self.acknowledged - self.rejected - sum(self.given_up.values())

    def issue(self, now_ms: int) -> int:
        """The next problem's sequence number; begins a segment when the last one is an hour old."""
        sequence = self.issued
        if now_ms - self.segments[-1].start_ms >= SEGMENT_MS:
            self.segments.append(Segment(now_ms, sequence))
        self.issued += 1
        return sequence

    def problem_id(self, sequence: int) -> UUID:
        """The id of an issued problem."""
        segment = next(s for s in reversed(self.segments) if s.first_sequence <= sequence)
        return encode_position(RunPosition(segment.start_ms, self.run, sequence))

    def acknowledge(self, sequence: int) -> None:
        """The worker stored it."""
        place, bit = sequence >> 3, 1 << (sequence & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + _GROWTH_BYTES - len(self._bits)))
        self._bits[place] |= bit
        self.acknowledged += 1
        self.mark_changed(place)

    def reject(self) -> None:
        """The worker said why it is no problem."""
        self.rejected += 1

    def give_up(self, reason: GaveUp) -> None:
        """No answer is known."""
        self.given_up[reason] += 1

    def bitmap(self) -> bytes:
        """The acknowledged ones: bit n of byte n//8, least significant first, is sequence n."""
        return bytes(self._bits[: (self.issued + 7) // 8]).ljust((self.issued + 7) // 8, b"\0")

    def take_changed(self) -> tuple[int, bytes]:
        """The part of the bitmap that changed since the last call, as offset in bytes and bytes."""
        if self._changed_from is None:
            return 0, b""
        offset, self._changed_from = self._changed_from, None
        return offset, bytes(self._bits[offset : (self.issued + 7) // 8])

    def mark_changed(self, place: int) -> None:
        """The bitmap changed from this byte on, or a change from there on could not be written."""
        if self._changed_from is None or place < self._changed_from:
            self._changed_from = place


def acknowledged_in(bitmap: bytes) -> list[int]:
    """The sequence numbers whose bit is set, ascending."""
    return [
        place * 8 + bit for place, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1
    ]
