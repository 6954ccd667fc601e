"""The store's error tree.

StoreError
├── StaleError           the object changed, vanished or appeared since it was read
├── CompactedError       the revision asked for is older than the history that is kept
├── FutureError          the revision asked for has not happened
├── UnstorableError      the object is not JSON, or nests too deep
├── BrokenError          the store has ended by a fault; only a new process can go on
└── UnavailableError     the write could not be made durable (disk full, …); nothing was changed
"""

from __future__ import annotations


class StoreError(Exception):
    """Anything that the store refuses or fails at."""


class StaleError(StoreError):
    """The expected revision is not the present one; `actual` is, and 0 means that there is no such object."""

    def __init__(self, actual: int) -> None:
        super().__init__(f"the present revision is {actual}")
        self.actual = actual


class CompactedError(StoreError):
    """A watch or a continued list asked for history that is gone; list again."""


class FutureError(StoreError):
    """The revision asked for is greater than the newest one."""


class UnavailableError(StoreError):
    """The write was not made durable and did not happen; reads go on, and a later write may succeed."""


class UnstorableError(StoreError):
    """The object cannot be written as JSON."""


class BrokenError(StoreError):
    """The writer has ended by a fault that is not of the disk; the process must end."""
