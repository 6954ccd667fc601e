"""The journal on disk: SQLite in WAL mode with synchronous=FULL, one transaction and one fsync a batch.

Guarantee: what `append` returned from survives `kill -9` and a power cut, as far as the disk keeps its
word. A full disk fails the batch and rolls it back; the next batch simply tries again. The trade-off: only
the last state of each key is stored, so after a restart watches from older revisions get 410 and list anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import chain
from pathlib import Path

from autostack.pocket.store.errors import UnavailableError
from autostack.pocket.store.journal import Key, Row, Snapshot

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)
);
CREATE TABLE IF NOT EXISTS newest (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);
INSERT OR IGNORE INTO newest VALUES (1, 0);
"""
# One statement for all rows of a batch: between two statements the writer's thread has to wait until the
# loop's thread lets go of the interpreter, which may take longer than the statement.
UPSERT = "INSERT OR REPLACE INTO objects VALUES "
DELETE = "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?"


class SqliteJournal:
    """One database file, mode 0600, because Secrets are in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> Snapshot:
        """Open or create the file and read all of it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -1024")
            connection.executescript(SCHEMA)
            (revision,) = connection.execute("SELECT revision FROM newest").fetchone()
            rows = [
                Row(Key(*columns[:3]), columns[3], columns[4])
                for columns in connection.execute("SELECT * FROM objects")
            ]
        except (sqlite3.Error, OSError) as error:
            raise UnavailableError(f"the cluster's store {self._path} cannot be opened: {error}") from error
        self._connection = connection
        return Snapshot(revision, rows)

    def append(self, batch: list[Row]) -> None:
        """One transaction; its commit is on the disk when this returns."""
        if self._connection is None:
            raise UnavailableError("the cluster's store is closed")
        try:
            if self._connection.in_transaction:  # the last batch failed, and so did its rollback
                self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            self._write(self._connection, batch)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # tried again before the next batch
                    self._connection.execute("ROLLBACK")
            raise UnavailableError(f"the write could not be stored in {self._path.name}: {error}") from error

    @staticmethod
    def _write(connection: sqlite3.Connection, batch: list[Row]) -> None:
        last = {row.key: row for row in batch}
        kept = [(*row.key, row.revision, row.body) for row in last.values() if row.body is not None]
        if kept:
            connection.execute(UPSERT + ",".join(["(?, ?, ?, ?, ?)"] * len(kept)), [*chain(*kept)])
        connection.executemany(DELETE, [tuple(row.key) for row in last.values() if row.body is None])
        connection.execute("UPDATE newest SET revision = ?", (batch[-1].revision,))

    def close(self) -> None:
        """Checkpoint the write-ahead log and release the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
