"""Migrations, rights and retention on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
from harness.postgres import PostgresServer
from harness.stored_rows import READER_PASSWORD, NewRow, ResultsDatabase, position_id, store
from worker_node.partitions import HOURS_AHEAD, HOURS_BEHIND

PASSWORDS = {"WRITER_PASSWORD": READER_PASSWORD[::-1], "READER_PASSWORD": READER_PASSWORD}
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'results'::regclass"


def command(word: str, database: ResultsDatabase, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "worker_node", word],
        env={**os.environ, **database.server.environment(database=database.name), **PASSWORDS, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def run(word: str, database: ResultsDatabase, **environment: str) -> None:
    process = command(word, database, **environment)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr


@pytest.fixture
async def empty_database(postgres_server: PostgresServer) -> AsyncIterator[ResultsDatabase]:
    name = f"empty_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(postgres_server.dsn())
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    made = ResultsDatabase(postgres_server, name, READER_PASSWORD)
    yield made
    await made.drop()


async def test_several_migrations_at_once_end_as_one(empty_database: ResultsDatabase) -> None:
    processes = [command("migrate", empty_database) for _ in range(3)]
    for process in processes:
        _, stderr = await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode == 0, stderr
    connection = await empty_database.connect()
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    assert await connection.fetchval(PARTITIONS) == HOURS_BEHIND + HOURS_AHEAD + 1
    await connection.close()


def test_an_unreachable_database_is_one_line_and_exit_code_1(postgres_server: PostgresServer) -> None:
    database = ResultsDatabase(postgres_server, "no_such_database", READER_PASSWORD)
    process = command("migrate", database, DATABASE_WAIT_S="0")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.count("\n") == 1
    assert stderr.startswith("worker-node migrate: cannot connect to PostgreSQL at ")
    assert 'database "no_such_database" does not exist' in stderr


async def as_role(database: ResultsDatabase, role: str, password: str) -> asyncpg.Connection:
    return await asyncpg.connect(database.server.dsn(user=role, password=password, database=database.name))


REFUSED_TO_WRITER = [
    "DELETE FROM results",
    "UPDATE results SET result = '7'",
    "TRUNCATE results",
    "DELETE FROM result_minutes",
    "DROP TABLE result_minutes",
    "CREATE TABLE mine (n int)",
    "CREATE ROLE other",
]
REFUSED_TO_READER = [
    *REFUSED_TO_WRITER,
    "INSERT INTO results SELECT * FROM results",
    "INSERT INTO result_minutes SELECT * FROM result_minutes",
    "SELECT ensure_partitions(1, 1)",
]


async def test_the_roles_have_the_least_rights(database: ResultsDatabase) -> None:
    for role, password, refused in (
        ("autostack_writer", READER_PASSWORD[::-1], REFUSED_TO_WRITER),
        ("autostack_reader", READER_PASSWORD, REFUSED_TO_READER),
    ):
        connection = await as_role(database, role, password)
        await connection.fetch("SELECT * FROM results, result_minutes")
        for statement in refused:
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
                await connection.execute(statement)
        await connection.close()


async def test_the_writer_makes_partitions_by_the_function_and_only_within_reason(
    database: ResultsDatabase,
) -> None:
    connection = await as_role(database, "autostack_writer", READER_PASSWORD[::-1])
    async with connection.transaction():  # in which the hour stands still
        before = await connection.fetchval(PARTITIONS)
        made = await connection.fetchval("SELECT ensure_partitions(3, 30)")
        assert made >= 6
        assert await connection.fetchval("SELECT ensure_partitions(3, 30)") == 0
        assert await connection.fetchval(PARTITIONS) == before + made
    with pytest.raises(asyncpg.RaiseError, match="hours must be from 0 to 240"):
        await connection.execute("SELECT ensure_partitions(0, 100000)")
    await connection.close()


async def test_retention_drops_by_age_and_leaves_the_rest(database: ResultsDatabase) -> None:
    from datetime import UTC, datetime, timedelta

    owner = await database.connect()
    await owner.execute("SELECT ensure_partitions(10, 1)")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    old, new = position_id(1, segment=hour - timedelta(hours=9)), position_id(2)
    await store(owner, [NewRow(id=old), NewRow(id=new)])
    await owner.execute("UPDATE result_minutes SET minute = minute - interval '100 days'")
    run("retention", database, RETENTION_HOURS="6")
    assert [row["id"] for row in await owner.fetch("SELECT id FROM results")] == [new]
    assert await owner.fetchval("SELECT count(*) FROM result_minutes") == 0
    assert await owner.fetchval(PARTITIONS) == 6 + 1 + HOURS_AHEAD
    await owner.close()


async def test_retention_by_size_drops_the_oldest_first(database: ResultsDatabase) -> None:
    owner = await database.connect()
    await owner.execute("SELECT ensure_partitions(10, 1)")
    run("retention", database, RETENTION_GB="0.000000001")
    left = await owner.fetchval(PARTITIONS)
    assert left == HOURS_BEHIND + 1 + HOURS_AHEAD
    await owner.close()


async def test_an_interrupted_retention_is_completed(database: ResultsDatabase) -> None:
    """A partition detached and not dropped is an orphan; one whose detach was cut short is pending."""
    owner = await database.connect()
    await owner.execute("SELECT ensure_partitions(9, 1)")
    first, second = [
        row["relname"]
        for row in await owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relname ~ '^results_[0-9]' ORDER BY 1 LIMIT 2"
        )
    ]
    await owner.execute(f"ALTER TABLE results DETACH PARTITION {first}")
    reader = await database.connect()
    await reader.execute("BEGIN; SELECT * FROM results")
    statement = f"ALTER TABLE results DETACH PARTITION {second} CONCURRENTLY"
    detach = asyncio.create_task(owner.execute(statement))
    pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"

    from harness.waiting import eventually

    witness = await database.connect()

    async def is_pending() -> bool:
        return bool(await witness.fetchval(pending))

    await eventually(is_pending, what="a pending detach")
    detach.cancel()
    with pytest.raises(asyncio.CancelledError):
        await detach
    await reader.execute("ROLLBACK")
    for connection in (reader, owner):
        connection.terminate()
    run("retention", database, RETENTION_HOURS="100")
    assert await witness.fetchval(pending) == 0
    assert (
        await witness.fetchval("SELECT count(*) FROM pg_class WHERE relname = ANY ($1)", [first, second]) == 0
    )
    await witness.close()
