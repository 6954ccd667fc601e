"""A disk that a test can fill."""

from __future__ import annotations

from autostack.pocket.store.errors import UnavailableError
from autostack.pocket.store.journal import MemoryJournal, Row


class FillableJournal(MemoryJournal):
    """Refuses every write while it is `full`, as a disk does."""

    full = False
    refused = 0

    def append(self, batch: list[Row]) -> None:
        """Keep the rows, or none."""
        if self.full:
            self.refused += 1
            raise UnavailableError("no space left on device")
        super().append(batch)
