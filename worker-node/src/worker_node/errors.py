"""What can go wrong in the worker besides bad expressions (those are in `solver.errors`).

WorkerError
├── StoreUnavailableError   the row was not acknowledged: try again later, with the same id
│   ├── QueueFullError      more was offered than can be stored: shed
│   └── StoreAwayError      the database cannot be reached, or did not answer in time
├── ConflictError           the id is already stored with another expression
└── OutOfRangeError         the id's time is outside the partitions that exist
"""

from __future__ import annotations

from service_kit import ServiceKitError


class WorkerError(ServiceKitError):
    """An expected failure of the worker."""


class StoreUnavailableError(WorkerError):
    """The row may or may not be stored; a retry with the same id is harmless."""

    kind = "store-unavailable"


class QueueFullError(StoreUnavailableError):
    """The bounded queue is full."""

    kind = "overloaded"


class StoreAwayError(StoreUnavailableError):
    """No connection, or no answer within the deadline."""


class ConflictError(WorkerError):
    """The same id came with a different expression."""


class OutOfRangeError(WorkerError):
    """No partition is there for this id."""
