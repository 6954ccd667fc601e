"""`python -m worker_node migrate`: bring the database to the newest version, once, whoever else tries at the
same time.

An advisory lock makes the others wait and then find nothing to do. Running it again is harmless; it also sets
the passwords of the two lesser roles, so a rotated Secret takes effect by running it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from service_kit import DatabaseSettings
from sqlalchemy import URL
from sqlalchemy import Connection as AlchemyConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from worker_node.errors import StoreAwayError, WorkerError
from worker_node.passwords import scram_verifier
from worker_node.settings import MigrationSettings
from worker_node.store.connection import LOST_ERRORS, Connection, close, connect, told

log = logging.getLogger(__name__)

_AGAIN_S = 0.1
_LOCK = "SELECT pg_advisory_lock(hashtextextended('auto-stack migrations', 0))"


async def migrate(settings: MigrationSettings) -> None:
    """Apply what is missing and set the roles' passwords. Raises WorkerError."""
    lock = await _connect_patiently(settings)
    try:
        async with asyncio.timeout(settings.migration_timeout_s):
            await lock.execute(_LOCK)  # held until this connection closes
            await _upgrade(settings)
            for role, password in (
                ("autostack_writer", settings.writer_password),
                ("autostack_reader", settings.reader_password),
            ):
                verifier = scram_verifier(password, os.urandom(16))
                await lock.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{verifier}'")
    except TimeoutError:
        raise WorkerError(f"the migration did not end within {settings.migration_timeout_s:g} s") from None
    except (SQLAlchemyError, *LOST_ERRORS, ValueError) as error:
        raise WorkerError(f"the migration failed: {told(error)}") from error
    finally:
        await close(lock)


async def _connect_patiently(settings: MigrationSettings) -> Connection:
    """Connect, waiting for a database that is only just being made, as at the first start of a stack."""
    deadline = time.monotonic() + settings.database_wait_s
    while True:
        try:
            return await connect(
                settings,
                application="migrate",
                statement_timeout_ms=round(settings.migration_timeout_s * 1000),
            )
        except StoreAwayError as error:
            if time.monotonic() >= deadline:
                raise
            log.info("waiting for the database", extra={"error": str(error)})
            await asyncio.sleep(_AGAIN_S)


async def _upgrade(settings: DatabaseSettings) -> None:
    url = URL.create(
        "postgresql+asyncpg",
        username=settings.pguser,
        password=settings.pgpassword,
        host=settings.pghost,
        port=settings.pgport,
        database=settings.pgdatabase,
    )
    engine = create_async_engine(url, pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_to_newest)
    finally:
        await engine.dispose()
    log.info("database is at the newest version")


def _to_newest(connection: AlchemyConnection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
