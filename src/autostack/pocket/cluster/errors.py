"""What can go wrong with a cluster as a whole.

PocketError
└── ClusterError        the message says what, where and what to do
    ├── InvalidStateError   its files can't be read
    └── StartFailedError    the control plane did not come up; the end of its log is in the message
"""

from __future__ import annotations

from autostack.pocket.errors import PocketError


class ClusterError(PocketError):
    """A cluster can't be started, stopped or read."""


class InvalidStateError(ClusterError):
    """A file of the cluster is missing or damaged."""


class StartFailedError(ClusterError):
    """The control plane ended, or was not ready in time."""
