"""What can go wrong in result-node.

ResultNodeError
├── DatabaseAwayError     PostgreSQL cannot be asked now: 503, try again
├── DatabaseBusyError     it is there, but did not answer in time: 503, try again
└── CursorError           a cursor that we did not make, or made for another question: 422
"""

from __future__ import annotations


class ResultNodeError(Exception):
    """An expected failure, told in one line."""


class DatabaseAwayError(ResultNodeError):
    """No connection, a shutdown, or tables that are not there yet; it passes without anyone restarting us."""


class DatabaseBusyError(ResultNodeError):
    """No free connection, or a statement that ran into its timeout."""


class CursorError(ResultNodeError):
    """The cursor cannot be read, or belongs to another question."""
