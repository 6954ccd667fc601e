"""Workers for tests: in this process for what they answer, as processes for how they live and die; always on
a real PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from fractions import Fraction

import aiohttp
import asyncpg
import httpx
import pytest
from harness.postgres import PostgresServer
from harness.stored_rows import ResultsDatabase, create_results_database
from service_kit import HttpServer, Service
from service_kit.problem_id import RunPosition, encode_position
from worker_node.application import build
from worker_node.settings import WorkerSettings

RunWorker = Callable[..., AbstractAsyncContextManager["RunningWorker"]]


@dataclass
class RunningWorker:
    """A worker in this process and a client that talks to it over its socket."""

    service: Service[WorkerSettings]
    url: str
    client: httpx.AsyncClient

    async def solve(self, expression: str, **fields: object) -> httpx.Response:
        """One problem, once."""
        return await self.client.post("/solve", json={"expression": expression, **fields})

    async def is_ready(self) -> bool:
        """Whether it can store."""
        return (await self.client.get("/readyz")).status_code == 200


@contextlib.asynccontextmanager
async def running_worker(environment: dict[str, str], **settings: object) -> AsyncIterator[RunningWorker]:
    """A worker with these libpq variables and settings, ready or not."""
    made = WorkerSettings(
        pghost=environment["PGHOST"],
        pgport=int(environment["PGPORT"]),
        pguser=environment["PGUSER"],
        pgpassword=environment["PGPASSWORD"],
        pgdatabase=environment["PGDATABASE"],
        listen_port=0,
        drain_delay_s=0,
        **{"pod_name": "worker-a", **settings},  # type: ignore[arg-type] # a test names them by hand
    )
    service = Service("worker-node", made)
    server = HttpServer(service, build(service))
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            yield RunningWorker(service, server.url, client)
    finally:
        await server.stop()


@pytest.fixture
def run_worker() -> RunWorker:
    return running_worker


@pytest.fixture
async def database(postgres_server: PostgresServer) -> AsyncIterator[ResultsDatabase]:
    """A migrated database of the test's own."""
    made = await create_results_database(postgres_server)
    yield made
    await made.drop()


@pytest.fixture
def writer_environment(database: ResultsDatabase) -> dict[str, str]:
    return database.writer_environment


@pytest.fixture
async def worker(writer_environment: dict[str, str]) -> AsyncIterator[RunningWorker]:
    """A ready worker."""
    from harness.waiting import eventually

    async with running_worker(writer_environment, fault_injection=True) as running:
        await eventually(running.is_ready, what="worker ready")
        yield running


@dataclass
class Offered:
    """Problems sent until acknowledged, as traffic-sender does it: the same id again after anything but a
    refusal.
    """

    urls: list[str]
    run: int = field(default_factory=lambda: secrets.randbits(34))
    segment_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    issued: int = 0
    acknowledged: dict[str, dict[str, str | None]] = field(default_factory=dict)
    retries: int = 0
    stopping: bool = False

    async def send(self, senders: int = 8) -> None:
        """Send from some loops at once until `stopping`, and then until everything issued is acknowledged."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(senders):
                group.create_task(self._loop(session), name="sender")

    async def _loop(self, session: aiohttp.ClientSession) -> None:
        while not self.stopping:
            sequence, self.issued = self.issued, self.issued + 1
            problem_id = str(encode_position(RunPosition(self.segment_ms, self.run, sequence)))
            expression = f"({sequence} + 1) * 3 / 4 - {sequence % 7}"
            await self._until_acknowledged(session, problem_id, expression)

    async def _until_acknowledged(
        self, session: aiohttp.ClientSession, problem_id: str, expression: str
    ) -> None:
        for attempt in range(2000):
            url = self.urls[(attempt + hash(problem_id)) % len(self.urls)]
            try:
                async with session.post(
                    f"{url}/solve", json={"id": problem_id, "expression": expression}
                ) as response:
                    if response.status == 200:
                        self.acknowledged[problem_id] = await response.json()
                        return
                    assert response.status == 503, await response.text()
            except (aiohttp.ClientError, TimeoutError):
                pass
            self.retries += 1
            await asyncio.sleep(0.01)
        raise AssertionError(f"{problem_id} was not acknowledged in 2000 attempts")

    async def audit(self, dsn: str) -> None:
        """Acknowledged ⊆ stored, no duplicates, every answer right, and the minutes count each row once."""
        connection = await asyncpg.connect(dsn)
        rows = await connection.fetch("SELECT * FROM results")
        minutes = await connection.fetch("SELECT answers, latency_buckets FROM result_minutes")
        await connection.close()
        stored = {str(row["id"]): row for row in rows}
        assert len(stored) == len(rows)
        assert len(self.acknowledged) == self.issued
        assert self.acknowledged.keys() == stored.keys()
        for problem_id, answer in self.acknowledged.items():
            sequence = int(problem_id.replace("-", "")[-10:], 16)
            expected = Fraction((sequence + 1) * 3, 4) - sequence % 7
            row = stored[problem_id]
            assert Fraction(row["result"]) == expected
            for name in ("expression", "status", "result", "decimal", "worker", "version"):
                assert answer[name] == row[name]
        assert sum(minute["answers"] for minute in minutes) == len(rows)
        assert sum(sum(minute["latency_buckets"]) for minute in minutes) == len(rows)


@pytest.fixture
def offer() -> Callable[[list[str]], Offered]:
    return Offered


class CuttableWire:
    """A TCP proxy in front of a real PostgreSQL that can lose replies, go silent, hold back the end that the
    server puts to a connection, or cut every connection.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._copies: set[asyncio.Task[None]] = set()
        self.swallow_replies = False
        self.refuse = False
        self.hold_ends = False
        self.held_ends = 0
        self.requests_bytes = 0

    async def __aenter__(self) -> CuttableWire:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.host, self.port = self._server.sockets[0].getsockname()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._copies, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection now, as a lost node would."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, upstream_writer}
        for source, sink, replies in ((reader, upstream_writer, False), (upstream_reader, writer, True)):
            task = asyncio.create_task(self._copy(source, sink, replies=replies), name="wire")
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, replies: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                if replies and self.swallow_replies:
                    continue
                if not replies:
                    self.requests_bytes += len(data)
                sink.write(data)
                await sink.drain()
        if replies and self.hold_ends:
            self.held_ends += 1
            return
        self._writers.discard(sink)
        sink.transport.abort()


@pytest.fixture
async def wire(postgres_server: PostgresServer) -> AsyncIterator[CuttableWire]:
    """A cuttable wire to the shared server."""
    async with CuttableWire(postgres_server.host, postgres_server.port) as made:
        yield made
