"""The live stream: every row once, in order of becoming final, over any reconnect; ended by drain, not by
chance.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx
from harness.result_server import result_server
from harness.stored_rows import NewRow, ResultsDatabase, position_id, store
from harness.waiting import eventually
from result_node.database import Database
from result_node.positions import CommitPosition
from result_node.settings import ResultSettings
from result_node.tail import Tail
from service_kit import load_settings

STREAM = "/api/v1/results/stream"


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    kind: str
    data: str
    id: str


async def events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Parse a stream's lines, as the HTML standard says."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields.get("data"):
            yield Event(fields.get("event", "message"), fields["data"], fields.get("id", ""))
            fields = {}


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, path: str = STREAM, **headers: str
) -> AsyncIterator[AsyncIterator[Event]]:
    """An open stream's events."""
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async with aclosing(answer.aiter_lines()) as lines, aclosing(events(lines)) as parsed:
            yield parsed


async def take(stream: AsyncIterator[Event], rows: int) -> tuple[list[str], str]:
    """The ids of at least so many rows, and the last event's id."""
    found: list[str] = []
    last = ""
    async with asyncio.timeout(20):
        while len(found) < rows:
            event = await anext(stream)
            if event.kind == "rows":
                found += [row["id"] for row in json.loads(event.data)]
                last = event.id
    return found, last


def rows(first: int, count: int) -> list[NewRow]:
    """New rows by number."""
    return [NewRow(id=position_id(n)) for n in range(first, first + count)]


async def listener_counted(client: httpx.AsyncClient, number: int) -> None:
    """Wait until so many streams are open."""

    async def counted() -> bool:
        return f"result_live_streams {number}.0" in (await client.get("/metrics")).text

    await eventually(counted, what=f"{number} open streams")


async def test_rows_come_as_they_are_stored(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    await store(owner, rows(0, 5))
    async with listening(client) as stream:
        await listener_counted(client, 1)
        await store(owner, rows(5, 3))
        await store(owner, rows(8, 2))
        found, _ = await take(stream, 5)
    assert found == [str(position_id(n)) for n in range(5, 10)]


async def test_a_reconnect_misses_nothing_and_repeats_nothing(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    async with listening(client) as stream:
        await listener_counted(client, 1)
        await store(owner, rows(0, 4))
        before, last = await take(stream, 4)
    await store(owner, rows(4, 2500))
    async with listening(client, **{"Last-Event-ID": last}) as stream:
        await store(owner, rows(2504, 3))
        after, _ = await take(stream, 2503)
    assert before + after == [str(position_id(n)) for n in range(2507)]


async def test_a_row_of_an_older_transaction_is_not_overtaken(
    client: httpx.AsyncClient, owner: asyncpg.Connection, database: ResultsDatabase
) -> None:
    slow = await database.connect()
    async with listening(client) as stream:
        await listener_counted(client, 1)
        transaction = slow.transaction()
        await transaction.start()
        older = NewRow(id=position_id(100), worker="worker-b")  # with a minute of its own, so none waits
        await store(slow, [older])
        await store(owner, rows(0, 1))
        await transaction.commit()
        found, _ = await take(stream, 2)
    await slow.close()
    assert found == [str(position_id(100)), str(position_id(0))]


async def test_a_row_that_comes_as_the_tail_begins_wakes_who_looked_before_it(
    owner: asyncpg.Connection, database: ResultsDatabase
) -> None:
    reader = Database(load_settings(ResultSettings, database.reader_environment))
    await reader.open()
    tail, nothing = Tail(reader), CommitPosition(0, uuid.UUID(int=0))
    changed = tail.changed
    assert await tail.read(nothing) == []
    await store(owner, rows(0, 1))
    async with tail.listening():
        following = asyncio.create_task(tail.follow())
        await asyncio.wait_for(changed.wait(), 30)
        assert [row.id for row in await tail.read(nothing)] == [position_id(0)]
        following.cancel()
        await asyncio.wait([following])
    await reader.close()


async def test_a_stream_ends_when_its_client_leaves(client: httpx.AsyncClient) -> None:
    async with listening(client):
        await listener_counted(client, 1)
    await listener_counted(client, 0)


async def test_drain_ends_streams_at_once(database: ResultsDatabase) -> None:
    server = result_server(database.reader_environment)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client, listening(client) as stream:
        stopping = asyncio.create_task(server.stop())
        async with asyncio.timeout(4):
            assert [event async for event in stream if event.kind == "rows"] == []
        await stopping


async def test_an_event_id_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    for value in ("junk", "WyJ0IiwiMCIsIjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwIiwiIl0"):
        assert (await client.get(STREAM, headers={"Last-Event-ID": value})).status_code == 422
        assert (await client.get(f"{STREAM}?after={value}")).status_code == 422


async def test_streams_beyond_the_limit_are_told_to_come_back(database: ResultsDatabase) -> None:
    server = result_server({**database.reader_environment, "STREAM_LIMIT": "1"})
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        async with listening(client):
            await listener_counted(client, 1)
            answer = await client.get(STREAM)
            assert answer.status_code == 503
            assert "STREAM_LIMIT" in answer.json()["detail"]
        await listener_counted(client, 0)
    await server.stop()


async def test_the_page_s_stream_counts_what_it_does_not_show(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    await store(owner, rows(0, 1))
    page = (await client.get("/")).text
    cursor = page.split('data-cursor="')[1].split('"')[0]
    await store(owner, rows(1, 1500))
    async with listening(client, f"/live/events?after={cursor}") as stream:
        async with asyncio.timeout(10):
            news = json.loads((await anext(stream)).data)
    assert news["passed"] == 1500
    assert news["exact"] is True
    assert news["html"].count("<tr ") == 20
    assert str(position_id(1500)) in news["html"]
