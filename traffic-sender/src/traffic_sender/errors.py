"""What can go wrong in the sender, as far as a person meets it.

SenderError           exit code 1: it was tried and failed
├── RequestError      exit code 2: what was asked for cannot be (an unreadable target, profile or seed)
└── LedgerFileError   exit code 1: the ledger cannot be kept where LEDGER_DIR says
"""

from __future__ import annotations


class SenderError(Exception):
    """An expected failure, told in one line: what, where, what to do."""

    exit_code = 1


class RequestError(SenderError):
    """The request itself is wrong."""

    exit_code = 2


class LedgerFileError(SenderError):
    """A file of the ledger could not be written or read."""
