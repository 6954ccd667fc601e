"""The audit: is every acknowledged problem stored, once, with the right answer? One ordered scan. Pure.

`acknowledged` is the sender's bitmap, read before the rows are, so everything in it must be among them. Rows
that were not acknowledged are allowed: their answer was lost on the way, or came after the bitmap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from service_kit.problem_id import RunPosition, encode_position

from autostack.resilience.evaluator import UnreadableError, is_right

EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of the export: what the audit needs of it."""

    id: UUID
    expression: str
    status: str
    result: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its ledger tells it; segments are (start in Unix ms, first sequence), ascending."""

    tag: int
    segments: tuple[tuple[int, int], ...]
    issued: int
    acknowledged: int
    rejected: int
    given_up: int
    in_flight: int

    def id_of(self, sequence: int) -> UUID:
        """The id of a problem of the run."""
        start_ms = next(start for start, first in reversed(self.segments) if first <= sequence)
        return encode_position(RunPosition(start_ms, self.tag, sequence))


@dataclass(slots=True)
class AuditResult:
    """What was found; the lists hold at most EXAMPLES, the counts all."""

    acknowledged: int = 0
    stored: int = 0
    unacknowledged: int = 0
    missing: int = 0
    duplicated: int = 0
    wrong: int = 0
    unknown: int = 0
    missing_ids: list[str] = field(default_factory=list)
    duplicated_ids: list[str] = field(default_factory=list)
    wrong_answers: list[str] = field(default_factory=list)
    unbalanced: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing at all is to be objected."""
        return not (self.missing or self.duplicated or self.wrong or self.unknown or self.unbalanced)


class Audit:
    """The scan: give it each row, ordered by id, then take the result. It holds no rows."""

    def __init__(self, run: Run, acknowledged: bytes) -> None:
        self._result = AuditResult(unbalanced=_unbalanced(run))
        self._wanted = _Wanted(run, acknowledged)
        self._previous: UUID | None = None

    def see(self, row: Stored) -> None:
        """The next row."""
        result = self._result
        result.stored += 1
        if self._previous is not None and row.id <= self._previous:
            result.duplicated += 1
            _note(result.duplicated_ids, str(row.id))
            return
        self._previous = row.id
        _check_answer(row, result)
        for missing in self._wanted.up_to(row.id):
            _miss(result, missing)
        if not self._wanted.take(row.id):
            result.unacknowledged += 1

    def finish(self) -> AuditResult:
        """What was found, after the last row."""
        for missing in self._wanted.up_to(None):
            _miss(self._result, missing)
        self._result.acknowledged = self._wanted.count
        return self._result


def audit(run: Run, acknowledged: bytes, rows: Iterable[Stored]) -> AuditResult:
    """Compare a run's bitmap with its rows, which come ordered by id."""
    scan = Audit(run, acknowledged)
    for row in rows:
        scan.see(row)
    return scan.finish()


class _Wanted:
    """The acknowledged ids in order, taken off as their rows come by."""

    def __init__(self, run: Run, bitmap: bytes) -> None:
        self._ids = (
            run.id_of(place * 8 + bit)
            for place, byte in enumerate(bitmap)
            if byte
            for bit in range(8)
            if byte >> bit & 1
        )
        self.count = 0
        self._next: UUID | None = None
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._ids, None)
        self.count += self._next is not None

    def up_to(self, limit: UUID | None) -> Iterable[UUID]:
        """The wanted ids below the limit, which have no row; all that are left when it is None."""
        while self._next is not None and (limit is None or self._next < limit):
            yield self._next
            self._advance()

    def take(self, row: UUID) -> bool:
        """Whether this row was wanted."""
        if self._next != row:
            return False
        self._advance()
        return True


def _unbalanced(run: Run) -> str:
    ended = run.acknowledged + run.rejected + run.given_up + run.in_flight
    return "" if ended == run.issued else f"{run.issued} issued, {ended} accounted for"


def _check_answer(row: Stored, result: AuditResult) -> None:
    try:
        right = is_right(row.expression, row.status, row.result)
    except (UnreadableError, ValueError):
        result.unknown += 1
        _note(result.wrong_answers, f"{row.id}: cannot judge {row.expression[:80]!r} → {row.result[:80]!r}")
        return
    if not right:
        result.wrong += 1
        _note(result.wrong_answers, f"{row.id}: {row.expression[:80]!r} → {row.status} {row.result[:80]!r}")


def _miss(result: AuditResult, missing: UUID) -> None:
    result.missing += 1
    _note(result.missing_ids, str(missing))


def _note(examples: list[str], text: str) -> None:
    if len(examples) < EXAMPLES:
        examples.append(text)
