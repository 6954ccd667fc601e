"""The live end of the table: rows in the order in which they became final, each exactly once.

A row is final when every transaction older than its own has ended; below that bound nothing can appear
any more, so a reader that goes by (xact, id) up to it misses nothing. One reader asks the database for
all streams and keeps the last rows in memory; a stream that is further behind asks for itself. It asks on
a timer, because a NOTIFY by the writer in every flush would serialise the writers' commits; when nobody
listens it does not ask at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice

from result_node.database import Database
from result_node.errors import DatabaseAwayError, DatabaseBusyError
from result_node.positions import CommitPosition
from result_node.stored import StoredResult, select_list
from result_node.walks import Statement

READ_AT_MOST = 1000
REMEMBERED = 5000
_ASK_EVERY_S = 0.25

_FINAL = "results.xact < pg_snapshot_xmin(pg_current_snapshot())"

log = logging.getLogger(__name__)


def rows_after(position: CommitPosition, limit: int) -> Statement:
    """Final rows behind a position, in order."""
    sql = f"""
        SELECT {select_list()} FROM results WHERE (results.xact, results.id) > ($1, $2) AND {_FINAL}
        ORDER BY results.xact, results.id LIMIT $3"""  # noqa: S608 - constants only
    return Statement(sql, (position.xact, position.id, limit))


def newest_rows(limit: int) -> Statement:
    """The newest final rows, newest first."""
    sql = f"""
        SELECT {select_list()} FROM results WHERE {_FINAL}
        ORDER BY results.xact DESC, results.id DESC LIMIT $1"""  # noqa: S608 - constants only
    return Statement(sql, (limit,))


def position_of(row: StoredResult) -> CommitPosition:
    """Where a row stands in the order of commits."""
    return CommitPosition(row.xact, row.id)


def _key(row: StoredResult) -> tuple[int, int]:
    return row.xact, row.id.int


class Tail:
    """Final rows behind any position: from memory when it is recent, from the database when it is not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: deque[StoredResult] = deque(maxlen=REMEMBERED)
        self._from: CommitPosition | None = None  # memory holds everything behind it, without a gap
        self._listeners = 0
        self._changed = asyncio.Event()
        self._wanted = asyncio.Event()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Be counted as a listener, so that the table is followed; gives the number of listeners."""
        self._listeners += 1
        self._wanted.set()
        try:
            yield self._listeners
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                self._wanted.clear()

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return self._listeners

    async def follow(self) -> None:
        """Follow the table whenever somebody listens, until cancelled."""
        while True:
            if not self._wanted.is_set():
                await self._wanted.wait()
                self._from = None  # nobody followed the table meanwhile: begin at its present end
                self._recent.clear()
            try:
                more = await self._read_on()
            except (DatabaseAwayError, DatabaseBusyError):
                more = False  # the streams go on saying so until it is back; memory stays valid
            if not more:
                await asyncio.sleep(_ASK_EVERY_S)

    async def newest(self, limit: int) -> list[StoredResult]:
        """The newest final rows, newest first, from the database."""
        return [StoredResult.from_row(row) for row in await self._database.fetch(newest_rows(limit))]

    async def read(self, after: CommitPosition) -> list[StoredResult]:
        """Up to READ_AT_MOST rows behind a position, in order; empty when there is none yet."""
        if self._from is not None and (after.xact, after.id.int) >= (self._from.xact, self._from.id.int):
            first = bisect_right(self._recent, (after.xact, after.id.int), key=_key)
            return list(islice(self._recent, first, first + READ_AT_MOST))
        rows = await self._database.fetch(rows_after(after, READ_AT_MOST))
        return [StoredResult.from_row(row) for row in rows]

    @property
    def changed(self) -> asyncio.Event:
        """Set when rows are added after this moment; take it before reading, then nothing is slept
        through.
        """
        return self._changed

    async def _read_on(self) -> bool:
        """Take what has become final since; says whether there is probably more."""
        if self._from is None:
            newest = await self.newest(1)
            if not newest:
                return False
            self._from = position_of(newest[0])
            self._wake()  # a listener may stand before it, having looked just before it was there
        last = position_of(self._recent[-1]) if self._recent else self._from
        rows = [
            StoredResult.from_row(row) for row in await self._database.fetch(rows_after(last, READ_AT_MOST))
        ]
        if rows:
            forgotten = len(self._recent) + len(rows) - REMEMBERED
            if forgotten > 0:
                self._from = position_of(self._recent[min(forgotten, len(self._recent)) - 1])
            self._recent.extend(rows)
            self._wake()
        return len(rows) == READ_AT_MOST

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
