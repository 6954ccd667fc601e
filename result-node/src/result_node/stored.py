"""One stored answer as readers see it, and the columns it is made of."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

import asyncpg

COLUMNS = (
    "id",
    "xact",
    "expression",
    "status",
    "result",
    "decimal",
    "worker",
    "version",
    "revision",
    "duration_us",
    "created_at",
)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A row of `results`; `xact` is the transaction that stored it, `duration_us` is from receipt to
    flush.
    """

    id: uuid.UUID
    xact: int
    expression: str
    status: str
    result: str
    decimal: str | None
    worker: str
    version: str
    revision: str
    duration_us: int
    created_at: datetime

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> StoredResult:
        """From a row that has at least COLUMNS."""
        return cls(**{name: row[name] for name in COLUMNS})


def select_list(table: str = "results") -> str:
    """The columns for a SELECT, qualified."""
    return ", ".join(f"{table}.{name}" for name in COLUMNS)
