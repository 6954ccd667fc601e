"""The JSON API over a real PostgreSQL: every filter, paging without gaps, refusals that name what is
wrong.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from harness.result_server import result_server
from harness.stored_rows import RUN, NewRow, ResultsDatabase, position_id, store

NOW = datetime.now(UTC).replace(microsecond=0)


async def ids(client: httpx.AsyncClient, **question: Any) -> list[str]:
    """The ids of all pages of a question."""
    found: list[str] = []
    address: str | None = "/api/v1/results"
    parameters: dict[str, Any] | None = question
    while address is not None:
        answer = await client.get(address, params=parameters)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        found += [row["id"] for row in document["results"]]
        address, parameters = document["next"], None
    return found


def row(sequence: int, **fields: Any) -> NewRow:
    """A row whose age is its sequence number, in seconds."""
    return NewRow(id=position_id(sequence), created_at=NOW - timedelta(seconds=sequence), **fields)


async def test_one_result_has_every_field(client: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    one = row(1, expression="7/2", result="7/2", decimal="3.5", duration_us=1234)
    await store(owner, [one])
    document = (await client.get(f"/api/v1/results/{one.id}")).json()
    assert document == {
        "id": str(one.id),
        "expression": "7/2",
        "status": "ok",
        "result": "7/2",
        "decimal": "3.5",
        "worker": "worker-a",
        "version": "v0.1",
        "revision": "0123abc",
        "duration_us": 1234,
        "created_at": one.created_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z") if one.created_at else None,
    }


async def test_an_unknown_id_is_a_404_that_names_it(client: httpx.AsyncClient) -> None:
    unknown = uuid.uuid4()
    answer = await client.get(f"/api/v1/results/{unknown}")
    assert answer.status_code == 404
    assert str(unknown) in answer.json()["detail"]


async def test_pages_give_every_row_once_newest_first(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    rows = [row(n) for n in range(57)]
    await store(owner, rows)
    assert await ids(client, limit=10) == [str(r.id) for r in rows]


async def test_rows_of_the_same_moment_are_paged_without_loss(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    rows = [NewRow(id=position_id(n), created_at=NOW) for n in range(25)]
    await store(owner, rows)
    found = await ids(client, limit=4)
    assert found == sorted((str(r.id) for r in rows), reverse=True)


MATCHES: list[tuple[dict[str, str], list[int]]] = [
    ({"worker": "w-b"}, [1, 4]),
    ({"version": "v0.2"}, [2, 4]),
    ({"status": "undefined"}, [3]),
    ({"worker": "w-b", "version": "v0.2"}, [4]),
    ({"worker": "w-b", "version": "v0.9"}, []),
    ({"expression": "1+1"}, [0, 2]),
    ({"expression": "1+", "match": "prefix"}, [0, 1, 2]),
    ({"expression": "1+1", "worker": "w-a", "version": "v0.2"}, [2]),
    ({"expression": "%", "match": "prefix"}, [4]),
    ({"from": (NOW - timedelta(seconds=2)).isoformat()}, [0, 1, 2]),
    ({"to": (NOW - timedelta(seconds=2)).isoformat()}, [3, 4]),
    (
        {
            "from": (NOW - timedelta(seconds=3)).isoformat(),
            "to": (NOW - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S"),
        },
        [2, 3],
    ),
    ({"id": str(position_id(3))}, [3]),
    ({"id": str(position_id(3)), "status": "ok"}, []),
    ({"run": f"{RUN:09x}"}, [0, 1, 2, 3, 4]),
    ({"run": "000000001"}, []),
]


async def test_a_filter_gives_exactly_what_matches(
    client: httpx.AsyncClient, owner: asyncpg.Connection, subtests: pytest.Subtests
) -> None:
    await store(
        owner,
        [
            row(0, expression="1+1", worker="w-a"),
            row(1, expression="1+12", worker="w-b"),
            row(2, expression="1+1", worker="w-a", version="v0.2"),
            row(3, expression="1/0", worker="w-a", status="undefined", result="division by zero"),
            row(4, expression="%1", worker="w-b", version="v0.2"),
        ],
    )
    for question, matching in MATCHES:
        with subtests.test("-".join(f"{name}={value}" for name, value in question.items())):
            found = await ids(client, limit=2, **question)
            assert found == [str(position_id(n)) for n in matching]
            exported = (await client.get("/api/v1/results/export", params=question)).text
            assert [json.loads(line)["id"] for line in exported.splitlines()] == found


async def test_long_expressions_that_begin_alike_are_told_apart(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    same = "1" + "+1" * 40
    await store(owner, [row(0, expression=same), row(1, expression=same + "+2")])
    assert await ids(client, expression=same) == [str(position_id(0))]
    assert await ids(client, expression=same + "+2") == [str(position_id(1))]
    assert await ids(client, expression=same + "+", match="prefix") == [str(position_id(1))]


async def test_a_run_is_in_order_of_id_over_its_segments(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    hour = NOW.replace(minute=0, second=0)
    earlier = [NewRow(id=position_id(n, segment=hour - timedelta(hours=1)), created_at=NOW) for n in range(5)]
    later = [NewRow(id=position_id(n, segment=hour), created_at=NOW) for n in range(5, 9)]
    other = [NewRow(id=position_id(n, run=RUN + 1), created_at=NOW) for n in range(3)]
    await store(owner, [*later, *other, *earlier])
    wanted = [str(r.id) for r in [*earlier, *later]]
    assert await ids(client, run=f"{RUN:09x}", limit=2) == wanted
    segments = [round((hour - timedelta(hours=h)).timestamp() * 1000) for h in (0, 1)]
    assert await ids(client, run=f"{RUN:09x}", segment=segments, limit=3) == wanted
    assert await ids(client, run=f"{RUN:09x}", segment=segments[:1]) == wanted[5:]


async def test_a_rare_row_is_found_in_bounded_steps(
    database: ResultsDatabase, owner: asyncpg.Connection
) -> None:
    rare = "rare", "v0.1"
    rows = [row(n, worker="w-a" if n % 2 else "w-b") for n in range(100)]
    rows[90] = row(90, worker=rare[0])
    rows[91] = row(91, worker="w-a", version="v9")
    await store(owner, rows)
    server = result_server({**database.reader_environment, "SEARCH_BUDGET_ROWS": "20"})
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        first = (await client.get("/api/v1/results", params={"worker": "rare"})).json()
        assert [r["id"] for r in first["results"]] in ([], [str(position_id(90))])
        assert await ids(client, worker="rare") == [str(position_id(90))]
        assert await ids(client, worker="w-b", version="v9") == []
        assert await ids(client, worker="w-a", version="v9") == [str(position_id(91))]
        everything = await ids(client, limit=50, status="ok")
        assert everything == [str(r.id) for r in rows]
    await server.stop()


REFUSED = [
    "limit=0",
    "limit=501",
    "limit=ten",
    "unknown=1",
    "status=maybe",
    "from=yesterday",
    "from=2026-13-01T00:00:00Z",
    "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    "id=7",
    "id={42e4567-e89b-12d3-a456-426614174000}",
    "run=xyz",
    "run=fffffffff",
    "segment=1",
    "expression=%00",
    "worker=%00",
    "expression=",
    "cursor=%%%",
    "cursor=AAAA",
    "cursor=WyJ0IiwiLTk5OTk5OTk5OTk5OTk5OTk5OTkiLCIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCIsIiJd",
    "match=fuzzy",
]


async def test_what_cannot_be_answered_is_refused_and_told(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for query in REFUSED:
        with subtests.test(query):
            answer = await client.get(f"/api/v1/results?{query}")
            assert answer.status_code == 422, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"]


async def test_a_cursor_of_another_question_is_refused(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    await store(owner, [row(n) for n in range(5)])
    following = (await client.get("/api/v1/results?limit=2")).json()["next"]
    answer = await client.get(f"{following}&worker=worker-a")
    assert answer.status_code == 422
    assert "other filters" in answer.json()["detail"]


async def test_the_next_page_is_also_a_link_header(
    client: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    await store(owner, [row(n) for n in range(3)])
    answer = await client.get("/api/v1/results?limit=2&status=ok")
    assert answer.headers["link"] == f'<{answer.json()["next"]}>; rel="next"'
    last = await client.get(answer.json()["next"])
    assert "link" not in last.headers


async def test_the_reader_cannot_write(owner: asyncpg.Connection, client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/results")
    granted = await owner.fetch(
        "SELECT DISTINCT privilege_type FROM information_schema.table_privileges"
        " WHERE grantee = 'autostack_reader'"
    )
    assert [r[0] for r in granted] == ["SELECT"]
