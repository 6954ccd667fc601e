"""Exports: exact, guarded, ordered, streamed in bounded memory, refused before they begin."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from harness.stored_rows import RUN, NewRow, ResultsDatabase, position_id, store
from harness.waiting import eventually
from result_node.exports import guarded

NOW = datetime.now(UTC).replace(microsecond=0)
PATH = "/api/v1/results/export"


async def test_a_run_is_exported_whole_and_in_order_of_id(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    rows = [NewRow(id=position_id(n), created_at=NOW - timedelta(seconds=n % 7)) for n in range(2500)]
    await store(owner, [*reversed(rows), NewRow(id=position_id(1, run=RUN + 1))])
    answer = await client.get(f"{PATH}?run={RUN:09x}")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [str(r.id) for r in rows]


async def test_ndjson_is_the_same_as_the_api(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    await store(owner, [NewRow(id=position_id(1), expression="-1/3", result="-1/3", decimal="-0.333")])
    exported = json.loads((await client.get(PATH)).text)
    assert exported == (await client.get(f"/api/v1/results/{position_id(1)}")).json()


async def test_csv_opens_without_running_anything(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    rows = [
        NewRow(id=position_id(0), expression="-7", result="-7", created_at=NOW),
        NewRow(id=position_id(1), expression="-1+2", result="1", created_at=NOW - timedelta(seconds=1)),
        NewRow(
            id=position_id(2),
            expression='=HYPERLINK("x")',
            result="a,b\n",
            created_at=NOW - timedelta(seconds=2),
        ),
    ]
    await store(owner, rows)
    answer = await client.get(f"{PATH}?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="results.csv"'
    read = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [r["expression"] for r in read] == ["-7", "'-1+2", '\'=HYPERLINK("x")']
    assert read[2]["result"] == "a,b\n"


@pytest.mark.parametrize("cell", ["=1", "+1+1", "-1/3", "@x", "\t=1", " =1", "\r-1", "-", "|calc"])
def test_what_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert guarded(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["7", "-7", "-7.25", "", "2*3", "a=b", None])
def test_what_is_harmless_stays_as_it_is(cell: str | None) -> None:
    assert guarded(cell) == (cell or "")


async def test_an_empty_export_is_empty_and_an_empty_csv_has_its_head(client: httpx.AsyncClient) -> None:
    assert (await client.get(PATH)).text == ""
    assert (await client.get(f"{PATH}?format=csv")).text.startswith("id,expression,status,result,decimal,")


async def test_an_export_that_the_client_leaves_gives_its_connection_back(
    client: httpx.AsyncClient, owner: asyncpg.Connection, database: ResultsDatabase
) -> None:
    await store(owner, [NewRow(id=position_id(n), result="9" * 2000) for n in range(20_000)])
    async with client.stream("GET", PATH) as answer:
        await anext(answer.aiter_bytes())

    async def given_back() -> bool:
        running = await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'autostack_reader' AND datname = $1"
            " AND state <> 'idle'",
            database.name,
        )
        return running == 0 and "result_exports_in_progress 0.0" in (await client.get("/metrics")).text

    await eventually(given_back, within_s=20, what="the export to end")
    assert (await client.get("/api/v1/results?limit=1")).status_code == 200


async def test_more_exports_than_the_limit_are_told_to_come_back(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    await store(owner, [NewRow(id=position_id(n), result="9" * 2000) for n in range(20_000)])
    async with client.stream("GET", PATH) as first, client.stream("GET", PATH) as second:
        assert first.status_code == second.status_code == 200
        third = await client.get(PATH)
        assert third.status_code == 503
        assert third.headers["retry-after"] == "5"
        assert "EXPORT_LIMIT" in third.json()["detail"]
