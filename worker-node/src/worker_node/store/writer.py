"""The loop that owns the connection: flush, and after any loss reconnect and flush the same rows again.

Guarantee: a request is answered 200 only after a commit that holds its row (or one with its id). A flush
whose outcome a broken connection hid is simply repeated: its rows have ids. One connection per process is
enough, because while one flush waits for the disk the next one fills; the price is that a flush never
overlaps another.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from time import perf_counter
from typing import Protocol

import asyncpg

from worker_node.errors import OutOfRangeError, StoreAwayError, StoreUnavailableError
from worker_node.partitions import HOURS_AHEAD, HOURS_BEHIND, merge_ranges
from worker_node.settings import WorkerSettings
from worker_node.store.backoff import backoff_s
from worker_node.store.connection import (
    LOST_ERRORS,
    ROW_ERRORS,
    Connection,
    close,
    connect,
    read_partitions,
    told,
)
from worker_node.store.flush import FlushCount, Stamp, flush
from worker_node.store.pending import PendingQueue, PendingRow
from worker_node.store.statements import ENSURE_PARTITIONS

log = logging.getLogger(__name__)


class WriterMetrics(Protocol):
    """What the loop reports."""

    def flushed(self, count: FlushCount, duration_s: float) -> None:
        """One flush is committed."""

    def connected(self) -> None:
        """A connection was opened."""


class Writer:
    """Stores what is in the queue. `away` says why it cannot at present; `ranges` are the times it has
    partitions for.
    """

    def __init__(
        self, settings: WorkerSettings, stamp: Stamp, queue: PendingQueue, metrics: WriterMetrics
    ) -> None:
        self._settings = settings
        self._stamp = stamp
        self._queue = queue
        self._metrics = metrics
        self._partitions_due_s = 0.0
        self.away: str | None = "not connected yet"
        self.ranges: list[tuple[int, int]] = []

    def covers(self, milliseconds: int) -> bool:
        """Whether a partition is there for this time."""
        for first, end in self.ranges:  # noqa: SIM110 - the hot path; `any` would make a generator
            if first <= milliseconds < end:
                return True
        return False

    async def run(self) -> None:
        """Serve until cancelled; nothing else ends it, because a worker whose writer has gone looks ready and
        answers nobody.
        """
        attempt = 0
        try:
            while True:
                try:
                    await self._connect_and_serve()
                except (StoreAwayError, *LOST_ERRORS) as error:
                    reason = told(error)
                except Exception as error:
                    log.exception("the store's writer failed; it goes on with a new connection")
                    reason = told(error)
                attempt = 1 if self.away is None else attempt + 1
                await self._stay_away(reason, attempt)
        finally:
            self.away = "the store's writer has ended"

    async def _connect_and_serve(self) -> None:
        """One connection, from first to last; an error leaves the outcome of its flush unknown, so that
        nothing more is asked of it.
        """
        connection = await connect(
            self._settings,
            application=f"worker-node {self._stamp.worker}",
            statement_timeout_ms=self._settings.statement_timeout_ms,
        )
        try:
            await self._serve(connection)
        except Exception:
            connection.terminate()
            raise
        finally:
            await close(connection)

    async def _serve(self, connection: Connection) -> None:
        """Flush over one connection until it is lost."""
        lost = asyncio.Event()

        def on_termination(_: object) -> None:
            lost.set()
            self._queue.filled.set()  # wakes the wait for rows

        connection.add_termination_listener(on_termination)
        await self._ensure_partitions(connection)
        self.away = None
        log.info("store is there")
        self._metrics.connected()
        while not lost.is_set():
            if asyncio.get_running_loop().time() >= self._partitions_due_s:
                await self._ensure_partitions(connection)
            rows = self._queue.batch()
            if rows:
                await self._flush(connection, rows)
                self._queue.settle()
            else:
                await self._wait_for_rows()
        raise ConnectionResetError("the server closed the connection")

    async def _wait_for_rows(self) -> None:
        wait_s = max(0.0, self._partitions_due_s - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(wait_s):
                await self._queue.filled.wait()
        except TimeoutError:
            return

    async def _flush(self, connection: Connection, rows: Sequence[PendingRow]) -> None:
        """Store rows; those that no partition takes are refused alone, found by halving."""
        started_s = perf_counter()
        try:
            count = await flush(connection, rows, self._stamp, now_s=started_s)
        except ROW_ERRORS as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._flush(connection, rows[:middle])
                await self._flush(connection, rows[middle:])
                return
            await self._refuse(connection, rows[0], error)
        else:
            self._metrics.flushed(count, perf_counter() - started_s)

    async def _refuse(self, connection: Connection, row: PendingRow, error: asyncpg.PostgresError) -> None:
        self.ranges = merge_ranges(await read_partitions(connection))
        if isinstance(error, asyncpg.CheckViolationError):
            row.fail(OutOfRangeError(f"no partition is there for the time of the id {row.id}"))
            return
        log.error("row refused by the database", extra={"id": str(row.id), "error": told(error)})
        row.fail(StoreUnavailableError("the database refused this row; the worker's log has the reason"))

    async def _ensure_partitions(self, connection: Connection) -> None:
        """Make the partitions ahead; when that fails, those that exist serve on."""
        self._partitions_due_s = asyncio.get_running_loop().time() + self._settings.partition_check_s
        try:
            await connection.execute(ENSURE_PARTITIONS, HOURS_BEHIND, HOURS_AHEAD)
        except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError) as error:
            log.warning("partitions ahead not made, will try again", extra={"error": told(error)})
        self.ranges = merge_ranges(await read_partitions(connection))

    async def _stay_away(self, reason: str, attempt: int) -> None:
        """Be away for one backoff, refusing those whose deadline passes meanwhile."""
        if self.away != reason:
            log.warning("store is away", extra={"error": reason})
        self.away = reason
        wait_s = backoff_s(attempt, random.random())  # noqa: S311 - jitter, not a secret
        await asyncio.sleep(wait_s)
        self._queue.expire(perf_counter(), StoreAwayError("the database did not answer in time"))
