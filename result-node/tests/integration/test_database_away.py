"""Without its database result-node is alive, says so plainly, and comes back by itself."""

from __future__ import annotations

import httpx
import pytest
from harness.postgres import PostgresServer
from harness.result_server import result_server
from harness.stored_rows import NewRow, create_results_database, position_id, store
from harness.waiting import eventually

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def test_a_restart_of_the_database_is_told_and_survived(own_postgres: PostgresServer) -> None:
    database = await create_results_database(own_postgres)
    owner = await database.connect()
    await store(owner, [NewRow(id=position_id(1))])
    await owner.close()
    server = result_server(database.reader_environment)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        assert (await client.get("/readyz")).status_code == 200
        own_postgres.kill()
        for path in (
            "/api/v1/results",
            "/api/v1/statistics",
            "/api/v1/results/export",
            "/api/v1/results/stream",
        ):
            answer = await client.get(path)
            assert answer.status_code == 503, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "2"
        for path in ("/", "/results", "/statistics"):
            page = await client.get(path, headers=BROWSER)
            assert page.status_code == 503
            assert "Not now, but soon" in page.text
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        own_postgres.start()

        async def back() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(back, what="result-node to find its database again")
        assert len((await client.get("/api/v1/results")).json()["results"]) == 1
    await server.stop()


async def test_it_starts_before_its_database_has_tables(postgres_server: PostgresServer) -> None:
    environment = postgres_server.environment(database="template1")
    server = result_server(environment)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        assert (await client.get("/api/v1/results")).status_code == 503
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert "UndefinedTable" in ready.json()["detail"]
    await server.stop()


@pytest.mark.parametrize("path", ["/results", "/api/v1/results"])
async def test_a_statement_that_takes_too_long_is_a_503(postgres_server: PostgresServer, path: str) -> None:
    database = await create_results_database(postgres_server)
    owner = await database.connect()
    server = result_server({**database.reader_environment, "STATEMENT_TIMEOUT_S": "0.2"})
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client, owner.transaction():
        await owner.execute("LOCK TABLE results IN ACCESS EXCLUSIVE MODE")
        answer = await client.get(path)
        assert answer.status_code == 503
        assert "in time" in answer.json()["detail"]
    await owner.close()
    await server.stop()
    await database.drop()
