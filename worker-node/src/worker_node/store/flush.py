"""One flush: rows in, and for every row whether it was stored, was there before, or contradicts what was
there.

Rows are sorted by id, so that two workers with overlapping batches wait for each other instead of
deadlocking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from worker_node.errors import ConflictError
from worker_node.store.connection import Connection
from worker_node.store.pending import PendingRow, StoredRow
from worker_node.store.statements import FLUSH, READ_BACK

_BY_ID = attrgetter("id.int")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who stores: written into every row."""

    worker: str
    version: str
    revision: str


@dataclass(slots=True)
class FlushCount:
    """What became of the rows of one flush."""

    stored: int = 0
    repeated: int = 0
    conflicting: int = 0


async def flush(
    connection: Connection, rows: Sequence[PendingRow], stamp: Stamp, *, now_s: float
) -> FlushCount:
    """Store the rows in one transaction and tell each request; raises asyncpg's errors, after which the
    outcome is unknown.
    """
    rows = sorted(rows, key=_BY_ID)
    stored: int = await connection.fetchval(
        FLUSH,
        [row.id for row in rows],
        [row.expression for row in rows],
        [row.answer.status for row in rows],
        [row.answer.result for row in rows],
        [row.answer.decimal for row in rows],
        [max(0, round((now_s - row.received_s) * 1e6)) for row in rows],
        stamp.worker,
        stamp.version,
        stamp.revision,
    )
    if stored == len(rows):
        for row in rows:
            row.finish(None)
        return FlushCount(stored=stored)
    return await _answer_from_table(connection, rows, stored)


async def _answer_from_table(connection: Connection, rows: Sequence[PendingRow], stored: int) -> FlushCount:
    """Some ids were there already: the committed rows, read again, answer everyone alike."""
    found = {
        record["id"]: StoredRow(*list(record.values())[1:])
        for record in await connection.fetch(READ_BACK, [row.id for row in rows])
    }
    count = FlushCount(stored=stored)
    for row in rows:
        there = found.get(row.id)
        if there is None:  # its partition was dropped between the two statements; it was stored
            row.finish(None)
        elif there.expression != row.expression:
            count.conflicting += 1
            row.fail(ConflictError(f"the id {row.id} is already stored with another expression"))
        else:
            row.finish(there)
    count.repeated = len(rows) - stored - count.conflicting
    return count
