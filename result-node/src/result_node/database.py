"""The one way to PostgreSQL: a bounded pool of read-only connections that comes back by itself.

While the server is away every question fails at once, without waiting for a connection, and a keeper
looks for it once a second. Each connection is read-only, bounds its statements, and plans with the values
it is given: a generic plan could choose the wrong index, and what cannot be planned well must be refused
by a timeout, not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from result_node.errors import DatabaseAwayError, DatabaseBusyError
from result_node.settings import ResultSettings
from result_node.walks import Statement

Row = asyncpg.Record

_LOOK_EVERY_S, _LOOK_AWAY_S = 1.0, 0.25
_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.InsufficientPrivilegeError,
)

log = logging.getLogger(__name__)


class Database:
    """Questions to PostgreSQL. `away` is why it cannot be asked now, or None; `absences` is how often it has
    gone away.
    """

    def __init__(self, settings: ResultSettings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool | None = None
        self._export_timeout = (
            f"SET LOCAL statement_timeout = {round(settings.export_statement_timeout_s * 1000)}"
        )
        self.away: str | None = "not connected yet"
        self.absences = 0

    async def open(self) -> None:
        """Begin to connect; it need not succeed now."""
        self._pool = asyncpg.create_pool(
            host=self._settings.pghost,
            port=self._settings.pgport,
            user=self._settings.pguser,
            password=self._settings.pgpassword,
            database=self._settings.pgdatabase,
            min_size=0,
            max_size=self._settings.pool_size,
            timeout=self._settings.connect_timeout_s,
            server_settings=self._session(),
        )
        await self._pool
        await self._look()

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.terminate()  # nothing is left to flush: this service only reads

    async def keep_looking(self) -> None:
        """Find out, until cancelled, whether the database can be asked."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S if self.away is None else _LOOK_AWAY_S)
            await self._look()

    async def fetch(self, statement: Statement) -> list[Row]:
        """All rows of a statement that is bounded by itself. Raises DatabaseAwayError, DatabaseBusyError."""
        self._refuse_while_away()
        try:
            return await self._fetch_once(statement)
        except DatabaseAwayError:
            return await self._fetch_once(
                statement
            )  # a connection that died while idle; reading twice is harmless

    async def batches(
        self, statement: Statement, *, first: int, size: int
    ) -> AsyncGenerator[Sequence[Row], None]:
        """All rows of one snapshot, a batch at a time by a server-side cursor, so memory is bounded by
        the batch; the first one is of another size, to be there soon. It is SQL's cursor and not the
        protocol's, whose query is planned for its last row: by sorting all of them before the first.
        """
        self._refuse_while_away()
        async with self._connection() as connection:
            try:
                await connection.execute(
                    f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._export_timeout}"
                )
                await connection.execute(
                    f"DECLARE batches NO SCROLL CURSOR FOR {statement.sql}", *statement.arguments
                )
                rows = await connection.fetch(f"FETCH {first} FROM batches")
                while rows:
                    yield rows
                    rows = await connection.fetch(f"FETCH {size} FROM batches")
                await connection.execute("COMMIT")
            except BaseException:
                connection.terminate()  # who cuts it short, by cancelling, leaves no time to roll back
                raise

    async def _fetch_once(self, statement: Statement) -> list[Row]:
        async with self._connection() as connection:
            rows: list[Row] = await connection.fetch(statement.sql, *statement.arguments)
            return rows

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[PoolConnectionProxy]:
        if self._pool is None:
            raise DatabaseAwayError("the database is not open")
        with self._translated():
            async with self._pool.acquire(timeout=self._settings.connect_timeout_s) as connection:
                yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except asyncpg.QueryCanceledError as error:
            raise DatabaseBusyError("the database did not answer in time") from error
        except TimeoutError as error:
            raise DatabaseBusyError("no connection to the database came free in time") from error
        except _AWAY as error:
            if isinstance(error, ValueError):
                raise  # an argument of the wrong type: our mistake, not the server's absence
            self._now(f"{type(error).__name__}: {str(error)[:200]}")
            raise DatabaseAwayError("the database cannot be reached") from error

    def _refuse_while_away(self) -> None:
        if self.away is not None:
            raise DatabaseAwayError("the database cannot be reached")

    async def _look(self) -> None:
        try:
            await self._fetch_once(Statement("SELECT FROM results LIMIT 0", ()))
        except (DatabaseAwayError, DatabaseBusyError) as error:
            self._now(self.away or str(error))
        else:
            self._now(None)

    def _now(self, away: str | None) -> None:
        if (away is None) != (self.away is None):
            self.absences += away is not None
            log.log(
                logging.INFO if away is None else logging.WARNING,
                "database reached" if away is None else "database away",
                extra={} if away is None else {"reason": away},
            )
        self.away = away

    def _session(self) -> dict[str, str]:
        return {
            "application_name": f"result-node {self._settings.instance}"[:63],
            "default_transaction_read_only": "on",
            "statement_timeout": f"{round(self._settings.statement_timeout_s * 1000)}",
            "lock_timeout": "1000",  # retention locks a partition to drop it
            "idle_in_transaction_session_timeout": "120000",  # an export whose reader has gone to sleep
            "plan_cache_mode": "force_custom_plan",
            "max_parallel_workers_per_gather": "0",
            "jit": "off",
            "timezone": "UTC",
        }
