"""A filled database that outlives a run: `--keep FILE` notes where it is, so that the next run asks at once.

It is filled anew when the number of rows differs, or when it has aged so far that "the last hour" would be
empty.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.postgres import PostgresServer, free_address
from harness.stored_rows import ResultsDatabase
from questions import Known

FRESH = timedelta(minutes=30)


def remember(file: Path, database: ResultsDatabase, known: Known) -> None:
    """Write down where the database is; its passwords too, so only for this user."""
    kept = {
        "folder": str(database.server.folder),
        "password": database.server.password,
        "name": database.name,
        "reader_password": database.reader_password,
        "known": {**dataclasses.asdict(known), "first": known.first.isoformat()},
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(kept))


def recall(file: Path, *, rows: int, settings: dict[str, str]) -> tuple[ResultsDatabase, Known] | None:
    """Start the kept server again; None when there is none that will do."""
    if not file.exists():
        return None
    kept = json.loads(file.read_text())
    known = Known(**{**kept["known"], "first": datetime.fromisoformat(kept["known"]["first"])})
    old = datetime.now(UTC) - known.first > timedelta(hours=known.hours) + FRESH
    if old or known.asked_rows != rows or not Path(kept["folder"]).is_dir():
        return None
    host, port = free_address()
    server = PostgresServer(host, port, Path(kept["folder"]), password=kept["password"], settings=settings)
    server.start()
    return ResultsDatabase(server, kept["name"], kept["reader_password"]), known
