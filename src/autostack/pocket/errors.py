"""The pocket cluster's error tree.

PocketError
└── ApiError            a Kubernetes Status: code, reason, message, details
"""

from __future__ import annotations

from typing import Any


class PocketError(Exception):
    """Anything that the pocket cluster refuses or fails at."""


class ApiError(PocketError):
    """A failed API call, as the Status object that a client receives.

    `reason` is Kubernetes' machine-readable reason (NotFound, AlreadyExists, Conflict, Invalid, …).
    """

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def status(self) -> dict[str, Any]:
        """The Status object of the API."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
