"""Every metric is declared and exposed, both ways, in a run that touches all that is counted."""

from __future__ import annotations

import uuid

import asyncpg
import httpx
from harness.stored_rows import NewRow, ResultsDatabase, position_id, store
from result_node.application import build
from result_node.positions import CommitPosition, encode_cursor
from result_node.settings import ResultSettings
from service_kit import HttpServer, Service, load_settings
from service_kit.metrics import differences

BEFORE_ALL = encode_cursor(CommitPosition(0, uuid.UUID(int=0)))


async def test_what_is_declared_is_exposed_and_nothing_else(
    database: ResultsDatabase, owner: asyncpg.Connection
) -> None:
    environment = {**database.reader_environment, "LISTEN_PORT": "0", "DRAIN_DELAY_S": "0"}
    service = Service("result-node", load_settings(ResultSettings, environment))
    server = HttpServer(service, build(service))
    await server.start()
    await store(owner, [NewRow(id=position_id(1))])
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        for path in ("/", "/results", "/api/v1/results/export", "/nowhere"):
            await client.get(path)
        async with client.stream("GET", f"/api/v1/results/stream?after={BEFORE_ALL}") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    break
            exposition = (await client.get("/metrics")).text
    await server.stop()
    assert differences(service.metrics.declared.values(), exposition) == []
    counted = dict(line.rsplit(" ", 1) for line in exposition.splitlines() if line.startswith("result_"))
    assert counted == {
        "result_live_streams": "1.0",
        "result_streamed_rows_total": "1.0",
        "result_exports_in_progress": "0.0",
        "result_exported_rows_total": "1.0",
        "result_database_up": "1.0",
    }
