"""Rows that wait to be stored: a bounded queue in order of arrival, each row with a deadline and a future.

Full means refused at once, because a queue that grows turns overload into latency for everyone. Nothing here
knows of a database.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from worker_node.errors import QueueFullError, WorkerError
from worker_node.solver import Answer, Status


class StoredRow(NamedTuple):
    """What the table holds for an id: of this request, or of an earlier one with the same id."""

    expression: str
    status: Status
    result: str
    decimal: str | None
    worker: str
    version: str


class PendingRow:
    """One solved problem on its way; `stored` is None when it was stored as it is, else the row that was
    there before.
    """

    __slots__ = ("answer", "deadline_s", "expression", "id", "received_s", "stored")

    def __init__(
        self,
        problem_id: uuid.UUID,
        expression: str,
        answer: Answer,
        *,
        received_s: float,
        deadline_s: float,
        stored: asyncio.Future[StoredRow | None],
    ) -> None:
        self.id = problem_id
        self.expression = expression
        self.answer = answer
        self.received_s = received_s
        self.deadline_s = deadline_s
        self.stored = stored

    def finish(self, row: StoredRow | None) -> None:
        """Acknowledge; a request that was cancelled meanwhile hears nothing."""
        if not self.stored.done():
            self.stored.set_result(row)

    def fail(self, error: WorkerError) -> None:
        """Refuse."""
        if not self.stored.done():
            self.stored.set_exception(error)


class PendingQueue:
    """At most `limit` rows, those in a flush included; `batch` is the one being flushed, kept until its
    outcome is known.
    """

    def __init__(self, *, limit: int, batch_limit: int) -> None:
        self._limit = limit
        self._batch_limit = batch_limit
        self._waiting: deque[PendingRow] = deque()
        self._batch: list[PendingRow] = []
        self.filled = asyncio.Event()

    @property
    def depth(self) -> int:
        """Rows not yet acknowledged."""
        return len(self._waiting) + len(self._batch)

    def offer(self, row: PendingRow) -> None:
        """Take a row in; raises QueueFullError."""
        if len(self._waiting) + len(self._batch) >= self._limit:
            raise QueueFullError(f"{self._limit} answers wait to be stored already; try again later")
        self._waiting.append(row)
        self.filled.set()

    def batch(self) -> Sequence[PendingRow]:
        """The rows to flush now: those of an interrupted flush again, else the oldest waiting."""
        if not self._batch:
            waiting = self._waiting
            self._batch = [waiting.popleft() for _ in range(min(self._batch_limit, len(waiting)))]
            if not waiting:
                self.filled.clear()
        return self._batch

    def settle(self) -> None:
        """The outcome of the batch is known to all its requests."""
        self._batch = []

    def expire(self, now_s: float, error: WorkerError) -> None:
        """Refuse the rows whose deadline has passed; what remains of a batch is flushed again later."""
        self._batch = [row for row in self._batch if not _expired(row, now_s, error)]
        while self._waiting and _expired(self._waiting[0], now_s, error):
            self._waiting.popleft()


def _expired(row: PendingRow, now_s: float, error: WorkerError) -> bool:
    if now_s < row.deadline_s:
        return False
    row.fail(error)
    return True
