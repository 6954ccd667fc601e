"""A connection to PostgreSQL that fails soon and says why: time limits on both sides, one place that
translates errors.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import asyncpg
from service_kit import DatabaseSettings

from worker_node.errors import StoreAwayError
from worker_node.partitions import Partition, read_bounds
from worker_node.store.statements import PARTITIONS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_TIMEOUT_S = 5
ROW_ERRORS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""Errors that one row of a statement causes, so that the others may succeed without it."""
LOST_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Errors after which a connection is of no more use. The last is asyncpg's answer to a command when the
server has said farewell (nothing was asked of it) and the connection's end has not been read yet.
"""
_CLIENT_GRACE_S = 1  # the server's own timeout should speak first


async def connect(settings: DatabaseSettings, *, application: str, statement_timeout_ms: int) -> Connection:
    """Open a connection; raises StoreAwayError with the reason."""
    try:
        return await asyncpg.connect(
            host=settings.pghost,
            port=settings.pgport,
            user=settings.pguser,
            password=settings.pgpassword,
            database=settings.pgdatabase,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=statement_timeout_ms / 1000 + _CLIENT_GRACE_S,
            server_settings={
                "application_name": application,
                "statement_timeout": str(statement_timeout_ms),
                "idle_in_transaction_session_timeout": str(statement_timeout_ms),
                "plan_cache_mode": "force_generic_plan",
                "jit": "off",
            },
        )
    except LOST_ERRORS as error:
        raise StoreAwayError(
            f"cannot connect to PostgreSQL at {settings.pghost}:{settings.pgport}: {told(error)}"
        ) from error


def told(error: BaseException) -> str:
    """An error in one line, without the statement that caused it."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200] or type(error).__name__


async def read_partitions(connection: Connection) -> list[Partition]:
    """The partitions of `results`, from the catalogue."""
    return [
        Partition(row["name"], *read_bounds(row["bounds"]), row["size_bytes"], row["detaching"])
        for row in await connection.fetch(PARTITIONS)
    ]


async def close(connection: Connection) -> None:
    """Close politely, but not for long."""
    try:
        async with asyncio.timeout(_CLIENT_GRACE_S):
            await connection.close()
    except LOST_ERRORS:
        connection.terminate()
