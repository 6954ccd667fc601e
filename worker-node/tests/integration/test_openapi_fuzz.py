"""Schemathesis against a running worker, from its own OpenAPI: no 5xx, nothing outside the schema.

That what fits the schema is also accepted is not checked: which texts are expressions is a grammar with
nested parentheses, which no JSON schema can say, and an id must be of the present.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asyncpg
from harness.postgres import PostgresServer
from harness.service_process import ServiceProcess
from harness.stored_rows import create_results_database

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
)


async def test_the_api_keeps_to_its_document(postgres_server: PostgresServer, tmp_path: Path) -> None:
    database = await create_results_database(postgres_server)
    worker = ServiceProcess.start("worker_node", database.writer_environment)
    try:
        done = subprocess.run(  # noqa: ASYNC221 - the worker is another process
            [
                Path(sys.executable).with_name("schemathesis"), "run", f"{worker.url}/openapi.json",
                "--checks", ",".join(CHECKS),
                "--max-examples", "40", "--seed", "7", "--no-color", "--mode", "all",
            ],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        assert worker.stop() == 0
    finally:
        worker.process.kill()
        worker.process.wait()
    connection = await asyncpg.connect(database.owner_dsn)
    assert await connection.fetchval("SELECT count(*) FROM results") > 0
    await connection.close()
    await database.drop()
