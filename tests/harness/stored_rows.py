"""Databases as result-node meets them: made by the real migrations, filled as a worker fills them.

Rows come with their minutes' summary in one transaction, as the writer's contract says, at any moment of
the past, so that a test has an hour of history at once.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import asyncpg
from service_kit.problem_id import RunPosition, encode_position

from harness.postgres import PostgresServer

BOUNDS_US = (
    1000,
    2000,
    5000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
)
RUN = 0x1234ABCDE


@dataclass(frozen=True)
class ResultsDatabase:
    """One migrated database in a server that others may share."""

    server: PostgresServer
    name: str
    reader_password: str

    @property
    def owner_dsn(self) -> str:
        """For filling it."""
        return self.server.dsn(database=self.name)

    @property
    def reader_environment(self) -> dict[str, str]:
        """As result-node's pod gets it."""
        return self.server.environment(
            user="autostack_reader", password=self.reader_password, database=self.name
        )

    @property
    def writer_environment(self) -> dict[str, str]:
        """As a worker's pod gets it."""
        return self.server.environment(
            user="autostack_writer", password=self.reader_password[::-1], database=self.name
        )

    async def connect(self) -> asyncpg.Connection:
        """As the owner."""
        return await asyncpg.connect(self.owner_dsn)

    async def drop(self) -> None:
        """Delete it, whoever is connected."""
        connection = await asyncpg.connect(self.server.dsn())
        await connection.execute(f'DROP DATABASE "{self.name}" WITH (FORCE)')
        await connection.close()


READER_PASSWORD = secrets.token_hex(12)
"""Roles belong to a whole server, so all databases of a test run agree on their passwords."""


_TEMPLATE = "results_template"


async def create_results_database(server: PostgresServer) -> ResultsDatabase:
    """A database of one's own, migrated by the command that the migration Job runs (once a server, then
    copied).
    """
    name = f"results_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server.dsn())
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", _TEMPLATE):
        await connection.execute(f'CREATE DATABASE "{_TEMPLATE}"')
        await asyncio.to_thread(_migrate, server)
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}"')
    await connection.close()
    return ResultsDatabase(server, name, READER_PASSWORD)


def _migrate(server: PostgresServer) -> None:
    environment = {
        **os.environ,
        **server.environment(database=_TEMPLATE),
        "WRITER_PASSWORD": READER_PASSWORD[::-1],
        "READER_PASSWORD": READER_PASSWORD,
    }
    done = subprocess.run(
        [sys.executable, "-m", "worker_node", "migrate"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the migration failed: {done.stderr[-1000:]}")


@dataclass(frozen=True, kw_only=True)
class NewRow:
    """A row to store; what is not said is as a first worker's first answer would be."""

    id: uuid.UUID
    expression: str = "6*7"
    status: str = "ok"
    result: str = "42"
    decimal: str | None = None
    worker: str = "worker-a"
    version: str = "v0.1"
    revision: str = "0123abc"
    duration_us: int = 3000
    created_at: datetime | None = None


SEGMENT_BEGAN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""Read once, so that a test session that crosses the hour keeps its ids."""


def position_id(sequence: int, *, run: int = RUN, segment: datetime | None = None) -> uuid.UUID:
    """The id of a problem of a run; its segment began at SEGMENT_BEGAN, if not said otherwise."""
    moment = segment or SEGMENT_BEGAN
    return encode_position(RunPosition(round(moment.timestamp() * 1000), run, sequence))


async def store(connection: asyncpg.Connection, rows: Iterable[NewRow]) -> None:
    """Store rows and count them into their minutes, in one transaction."""
    now = datetime.now(UTC)
    given = list(rows)
    minutes: dict[tuple[datetime, str, str, str], list[int]] = {}
    for row in given:
        minute = (row.created_at or now).replace(second=0, microsecond=0)
        buckets = minutes.setdefault((minute, row.worker, row.version, row.status), [0] * 13)
        buckets[sum(row.duration_us > bound for bound in BOUNDS_US)] += 1
    async with connection.transaction():
        await connection.executemany(
            "INSERT INTO results (id, expression, status, result, decimal, worker, version, revision,"
            " duration_us, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                (
                    row.id, row.expression, row.status, row.result, row.decimal, row.worker, row.version,
                    row.revision, row.duration_us, row.created_at or now,
                )
                for row in given
            ],
        )  # fmt: skip
        await connection.executemany(
            "INSERT INTO result_minutes AS kept VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (minute, worker, version, status) DO UPDATE"
            " SET answers = kept.answers + excluded.answers, latency_buckets ="
            " (SELECT array_agg(a + b ORDER BY n) FROM"
            " unnest(kept.latency_buckets, excluded.latency_buckets) WITH ORDINALITY AS pairs (a, b, n))",
            [(*key, sum(buckets), buckets) for key, buckets in minutes.items()],
        )


def history(*, minutes: int, per_minute: int, now: datetime, seed: int = 7) -> list[NewRow]:
    """A believable past: three workers, a rollout from v0.4 to v0.5 in the middle, a slow spell, some
    undefined.
    """
    chance = random.Random(seed)
    rows: list[NewRow] = []
    for ago in range(minutes, 0, -1):
        for number in range(round(per_minute * (0.75 + 0.5 * chance.random()))):
            rows.append(
                _past_row(chance, ago=ago, minutes=minutes, number=number, now=now, sequence=len(rows))
            )
    return rows


def _past_row(
    chance: random.Random, *, ago: int, minutes: int, number: int, now: datetime, sequence: int
) -> NewRow:
    expression, status, result, decimal = _problem(chance)
    newer = chance.random() < (minutes / 2 - ago) / 6 + 0.5
    slow = 6 if 0.25 < ago / minutes < 0.33 else 1
    pod = chance.choice(("h2x9k", "qm4tz", "w7rjp"))
    return NewRow(
        id=position_id(sequence),
        expression=expression,
        status=status,
        result=result,
        decimal=decimal,
        worker=f"worker-node-{'7d9f5c8b6d' if newer else '5b6c7d8f9d'}-{pod}",
        version="v0.5" if newer else "v0.4",
        revision="9f8e7d6c5b4a" if newer else "1a2b3c4d5e6f",
        duration_us=round(chance.lognormvariate(8.1, 0.6) * slow),
        created_at=now - timedelta(minutes=ago) + timedelta(seconds=number % 60),
    )


def _problem(chance: random.Random) -> tuple[str, str, str, str | None]:
    kind = chance.random()
    a, b, c = chance.randrange(1, 10**6), chance.randrange(2, 10**4), chance.randrange(1, 1000)
    if kind < 0.04:
        return f"{a}/({b}-{b})", "undefined", "division by zero", None
    if kind < 0.3:
        value = Fraction(a, b) + c
        exact = str(value)
        return f"{a}/{b} + {c}", "ok", exact, f"{float(value):.12g}" if value.denominator > 1 else None
    if kind < 0.4:
        power = chance.randrange(20, 90)
        return f"3**{power} - {c}", "ok", str(3**power - c), None
    return f"({a} - {b}) * {c}", "ok", str((a - b) * c), None
