"""Statistics are the stored rows counted, although the past is read only once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest_asyncio
from harness.stored_rows import NewRow, ResultsDatabase, history, position_id, store
from harness.waiting import eventually
from result_node.course import SETTLED_AFTER, Course
from result_node.database import Database
from result_node.settings import ResultSettings
from result_node.statistics import WINDOWS
from service_kit import load_settings

NOW = datetime.now(UTC).replace(second=30, microsecond=0)


@pytest_asyncio.fixture
async def course(database: ResultsDatabase) -> AsyncIterator[Course]:
    """The statistics of a real database, at moments of the test's choice."""
    reader = Database(load_settings(ResultSettings, database.reader_environment))
    await reader.open()
    yield Course(reader)
    await reader.close()


async def test_every_answer_of_a_window_is_counted_once(course: Course, owner: asyncpg.Connection) -> None:
    rows = history(minutes=25, per_minute=8, now=NOW)
    await store(owner, rows)
    for window in (*WINDOWS, *WINDOWS):  # read, and remembered
        found = await course.of(window, now=NOW)
        inside = [row for row in rows if row.created_at is not None and row.created_at >= found.start]
        assert found.total.answers == len(inside) > 0
        assert found.total.undefined == sum(row.status == "undefined" for row in inside)
        assert {name: tally.answers for name, tally in found.workers.items()} == Counter(
            row.worker for row in inside
        )
        assert {name: tally.answers for name, tally in found.versions.items()} == Counter(
            row.version for row in inside
        )
        for step in found.steps:
            of_step = [
                row
                for row in inside
                if row.created_at is not None and step.start <= row.created_at < step.start + found.step
            ]
            assert step.by_version == Counter(row.version for row in of_step)
            assert sum(step.tally.buckets) == step.tally.answers == len(of_step)


async def test_what_is_settled_is_not_read_again_and_what_is_not_is(
    course: Course, owner: asyncpg.Connection
) -> None:
    settled, late = NOW - SETTLED_AFTER - timedelta(minutes=5), NOW - timedelta(minutes=1)
    await store(owner, [NewRow(id=position_id(1), created_at=settled)])
    assert (await course.of("15m", now=NOW)).total.answers == 1
    await store(owner, [NewRow(id=position_id(2), created_at=settled)])
    await store(owner, [NewRow(id=position_id(3), created_at=late)])
    assert (await course.of("15m", now=NOW)).total.answers == 2
    assert (await course.of("1h", now=NOW)).total.answers == 3  # its older steps are read now
    course.forget()
    assert (await course.of("15m", now=NOW)).total.answers == 3


async def test_nothing_is_remembered_from_before_the_database_was_away(
    database: ResultsDatabase, owner: asyncpg.Connection
) -> None:
    """Also when nobody asked meanwhile, since it may be another one that is back."""
    reader = Database(load_settings(ResultSettings, database.reader_environment))
    await reader.open()
    course, settled = Course(reader), NOW - SETTLED_AFTER - timedelta(minutes=5)
    await store(owner, [NewRow(id=position_id(1), created_at=settled)])
    assert (await course.of("15m", now=NOW)).total.answers == 1
    await store(owner, [NewRow(id=position_id(2), created_at=settled)])

    async def is_away() -> bool:
        return reader.away is not None

    async def is_back() -> bool:
        return reader.away is None

    looking = asyncio.create_task(reader.keep_looking())
    await owner.execute(f'REVOKE CONNECT ON DATABASE "{database.name}" FROM PUBLIC, autostack_reader')
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'autostack_reader'"
    )
    await eventually(is_away, what="the database away")
    await owner.execute(f'GRANT CONNECT ON DATABASE "{database.name}" TO autostack_reader')
    await eventually(is_back, what="the database back")
    assert (await course.of("15m", now=NOW)).total.answers == 2
    looking.cancel()
    await asyncio.wait([looking])
    await reader.close()


async def test_the_window_moves_on(course: Course, owner: asyncpg.Connection) -> None:
    await store(owner, [NewRow(id=position_id(1), created_at=NOW - timedelta(minutes=10))])
    for minutes, answers in ((0, 1), (4, 1), (5, 0), (90, 0)):
        found = await course.of("15m", now=NOW + timedelta(minutes=minutes))
        assert found.total.answers == answers
        assert len(found.steps) == 15


async def test_the_api_says_what_was_counted(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    await store(
        owner,
        [
            NewRow(id=position_id(1), version="v0.1", duration_us=3000),
            NewRow(id=position_id(2), version="v0.2", status="undefined", worker="b", duration_us=300_000),
        ],
    )
    document = (await client.get("/api/v1/statistics", params={"window": "15m"})).json()
    assert (document["total"]["answers"], document["total"]["undefined"]) == (2, 1)
    assert set(document["workers"]) == {"worker-a", "b"}
    assert set(document["versions"]) == {"v0.1", "v0.2"}
    assert 0.2 <= document["workers"]["b"]["latency_s"]["p99"] <= 0.5
    assert 0.002 <= document["workers"]["worker-a"]["latency_s"]["p50"] <= 0.005
