"""The toolkit's error tree, as far as a person at the command line meets it.

AutostackError          exit code 1: it was tried and failed
├── UsageError          exit code 2: what was asked for cannot be
└── UnavailableError    exit code 3: something it needs is not running or not installed
"""

from __future__ import annotations


class AutostackError(Exception):
    """An expected failure. The message says what, where and what to do, in one line without secrets."""

    exit_code = 1


class UsageError(AutostackError):
    """The request itself is wrong."""

    exit_code = 2


class UnavailableError(AutostackError):
    """A cluster, service or program that the command needs is not there."""

    exit_code = 3
