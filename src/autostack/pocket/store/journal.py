"""What makes a batch of writes durable: the narrow seam between the store and the disk.

A journal holds the last state of every key and the newest revision, and applies a batch as a whole or not
at all. `open`, `append` and `close` are called from one thread, the store's writer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Key(NamedTuple):
    """Where an object lives: `resource` is `plural.group` (`pods`, `deployments.apps`); cluster scope is
    namespace "".
    """

    resource: str
    namespace: str
    name: str


class Row(NamedTuple):
    """One key's new state; `body` is the object's JSON, None for a deletion."""

    key: Key
    revision: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was durable at the time of opening."""

    revision: int
    rows: list[Row] = field(default_factory=list)


class Journal(Protocol):
    """A place where batches become durable."""

    def open(self) -> Snapshot: ...

    def append(self, batch: list[Row]) -> None:
        """Make the batch durable before returning; raises UnavailableError, and then nothing of it is
        stored.
        """
        ...

    def close(self) -> None: ...


class MemoryJournal:
    """Durable for as long as this object lives: for tests, and for a cluster that is to leave nothing
    behind.
    """

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._revision = 0

    def open(self) -> Snapshot:
        """What was appended so far."""
        return Snapshot(self._revision, list(self._rows.values()))

    def append(self, batch: list[Row]) -> None:
        """Keep the rows."""
        for row in batch:
            if row.body is None:
                self._rows.pop(row.key, None)
            else:
                self._rows[row.key] = row
        self._revision = max(self._revision, batch[-1].revision)

    def close(self) -> None:
        """Nothing to release."""
