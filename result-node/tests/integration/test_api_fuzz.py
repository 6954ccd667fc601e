"""The API keeps to its own OpenAPI document, whatever it is sent: no 5xx, no answer that the document
does not describe.

The live stream is left out, because it has no end; its own tests have it. That what fits the schema is
also accepted is not checked: a cursor is text to the schema, but only our own are cursors, and `from`
must precede `to`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
from harness.stored_rows import history, store

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)


async def test_the_api_keeps_to_its_document(
    client: httpx.AsyncClient, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await store(owner, history(minutes=3, per_minute=20, now=datetime.now(UTC)))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run", f"{client.base_url}/openapi.json",
        "--exclude-path", "/api/v1/results/stream",
        "--checks", ",".join(CHECKS),
        "--max-examples", "25", "--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-color",
    ]  # fmt: skip
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
