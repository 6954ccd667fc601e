"""A migrated database of the test's own, and result-node in front of it: in this process, or as its image
starts it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest_asyncio
from harness.postgres import PostgresServer
from harness.result_server import result_server
from harness.stored_rows import ResultsDatabase, create_results_database


@pytest_asyncio.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[ResultsDatabase]:
    """Migrated and empty."""
    made = await create_results_database(postgres_server)
    yield made
    await made.drop()


@pytest_asyncio.fixture
async def owner(database: ResultsDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may write."""
    connection = await database.connect()
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def client(database: ResultsDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a result-node that is ready."""
    server = result_server(database.reader_environment)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as made:
        yield made
    await server.stop()
