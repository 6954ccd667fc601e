"""result-node with an hour of history behind it, for looking at its pages."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from harness.postgres import PostgresServer
from harness.service_process import ServiceProcess
from harness.stored_rows import NewRow, ResultsDatabase, create_results_database, history, position_id, store

T = TypeVar("T")


@dataclass(frozen=True)
class ResultPages:
    """The pages, the database behind them, and what is known to be in it."""

    url: str
    database: ResultsDatabase
    fraction: NewRow
    factorial: NewRow

    def store(self, *rows: NewRow) -> None:
        """Store rows now, as a worker would."""
        _run(_store(self.database, list(rows)))


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread of its own: Playwright's synchronous interface keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _store(database: ResultsDatabase, rows: list[NewRow]) -> None:
    connection = await database.connect()
    await store(connection, rows)
    await connection.close()


@pytest.fixture(scope="session")
def result_pages(postgres_server: PostgresServer) -> Iterator[ResultPages]:
    """One result-node for all tests that only look, or that only add rows."""
    now = datetime.now(UTC)
    database = _run(create_results_database(postgres_server))
    fraction = NewRow(id=position_id(10**6), expression="22/7 + 1", result="29/7", decimal="4.142857142857")
    factorial = NewRow(
        id=position_id(10**6 + 1), expression="factorial(200)", result=str(math.factorial(200))
    )
    _run(_store(database, [*history(minutes=65, per_minute=40, now=now), fraction, factorial]))
    service = ServiceProcess.start(
        "result_node",
        {
            **database.reader_environment,
            "APP_VERSION": "v0.5",
            "GIT_REVISION": "9f8e7d6c5b4a",
            "POD_NAME": "result-node-7c9d",
        },
    )
    yield ResultPages(service.url, database, fraction, factorial)
    assert service.stop() == 0
