"""What can go wrong in what all services share.

ServiceKitError
├── SettingsError     the environment is wrong: exit code 2
├── FailureError      it could not go on, and ended in order: exit code 1
├── StartError        it could not start (port taken, a dependency refused for good): exit code 1
└── MetricError       a metric was declared twice or badly: a programming error
HTTPException (Starlette's)
└── ProblemError      an answer to a request: becomes a problem document
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException


class ServiceKitError(Exception):
    """An expected failure, told in one line."""

    exit_code = 1


class SettingsError(ServiceKitError):
    """A variable is missing, unreadable or a placeholder; the message names it."""

    exit_code = 2


class StartError(ServiceKitError):
    """The service could not begin to serve."""


class FailureError(ServiceKitError):
    """Something that the service cannot do without has ended while it served."""


class MetricError(ServiceKitError):
    """A metric's declaration contradicts another or the naming rules."""


class ProblemError(HTTPException):
    """A refusal with everything its problem document says.

    `kind` is a short constant slug that programs may switch on; `fields` are further members of the document
    (RFC 9457, section 3.2), for example the limit that was exceeded and the position.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(status_code=status, detail=detail, headers=dict(headers) if headers else None)
        self.kind = kind
        self.fields = fields
