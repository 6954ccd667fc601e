"""The pocket cluster's error tree, and Kubernetes' Status for each way in which a call can fail.

PocketError
└── ApiError                a Kubernetes Status: code, reason, message, details
    └── UndecodableError    a body that its kind cannot hold
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

VALUE_LIMIT = 200
VALUE_IS_SHOWN = ("Duplicate value", "Invalid value", "Not found", "Too many", "Unsupported value")


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
            **({"reason": self.reason} if self.reason else {}),
            **({"details": self.details} if self.details else {}),
            "code": self.code,
        }


class UndecodableError(ApiError):
    """400: a body that its kind cannot hold; `why` is what is wrong with it."""

    def __init__(self, kind: str, version: str, why: str) -> None:
        message = f'{kind} in version "{version}" cannot be handled as a {kind}: {why}'
        super().__init__(400, "BadRequest", message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Target:
    """What a call was about, as messages name it: `Target("deployments", "apps", "Deployment", "web")`."""

    plural: str
    group: str
    kind: str
    name: str = ""

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`Pod`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def details(self, *, by_kind: bool = False) -> dict[str, Any]:
        """A Status's details; validation names the kind, everything else the resource."""
        found = {"name": self.name, "group": self.group, "kind": self.kind if by_kind else self.plural}
        return {key: value for key, value in found.items() if value}


# Kubernetes' reason of a cause, by the type of the problem.
CAUSE_REASONS = {
    "Invalid value": "FieldValueInvalid",
    "Required value": "FieldValueRequired",
    "Unsupported value": "FieldValueNotSupported",
    "Duplicate value": "FieldValueDuplicate",
    "Forbidden": "FieldValueForbidden",
    "Not found": "FieldValueNotFound",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field; `problem` is Kubernetes' type of it, which is also the cause's
    reason.
    """

    field: str
    detail: str
    problem: str = "Invalid value"
    value: Any = None

    def message(self) -> str:
        """`Invalid value: -1: must be greater than or equal to 0`."""
        shown = self.problem
        if self.problem in VALUE_IS_SHOWN:
            text = _shown(self.value)
            shown = f"{shown}: {text}"
        return f"{shown}: {self.detail}" if self.detail else shown

    def cause(self) -> dict[str, str]:
        """An entry of `details.causes`."""
        return {"reason": CAUSE_REASONS[self.problem], "message": self.message(), "field": self.field}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + "…"


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: nobody knows who asks."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(target: Target, why: str) -> ApiError:
    """403: known and not allowed."""
    name = f' "{target.name}"' if target.name else ""
    return ApiError(403, "Forbidden", f"{target.resource}{name} is forbidden: {why}", target.details())


def not_found(target: Target) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{target.resource} "{target.name}" not found', target.details())


def no_such_path() -> ApiError:
    """404: no such kind or path."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def wrong_option(options: str, field: str, detail: str, problem: str, value: Any = None) -> ApiError:
    """422: a query parameter or an option of the request, not the object, is wrong."""
    return invalid(Target("", "meta.k8s.io", options), [FieldError(field, detail, problem, value)])


def method_not_allowed(verb: str) -> ApiError:
    """405: the path exists, the verb does not."""
    return ApiError(
        405, "MethodNotAllowed", f"the server does not allow this method on the requested resource: {verb}"
    )


def already_exists(target: Target) -> ApiError:
    """409: the name is taken."""
    return ApiError(
        409, "AlreadyExists", f'{target.resource} "{target.name}" already exists', target.details()
    )


def conflict(target: Target, why: str) -> ApiError:
    """409: somebody else changed it."""
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {target.resource} "{target.name}": {why}',
        target.details(),
    )


def stale(target: Target) -> ApiError:
    """409: the resourceVersion is not the present one."""
    return conflict(
        target, "the object has been modified; please apply your changes to the latest version and try again"
    )


def gone(message: str) -> ApiError:
    """410: the history asked for is compacted."""
    return ApiError(410, "Expired", message)


def unsupported_media_type(media_type: str, accepted: str) -> ApiError:
    """415: the body's form is not known here."""
    return ApiError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        f'{accepted}; it was "{media_type}"',
    )


def invalid(target: Target, errors: list[FieldError]) -> ApiError:
    """422: understood and wrong; one cause per field."""
    shown = [f"{error.field}: {error.message()}" for error in errors]
    text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
    return ApiError(
        422,
        "Invalid",
        f'{target.qualified_kind} "{target.name}" is invalid: {text}',
        {**target.details(by_kind=True), "causes": [error.cause() for error in errors]},
    )


def too_many_requests(message: str, details: dict[str, Any] | None = None) -> ApiError:
    """429: allowed in principle, not now."""
    return ApiError(429, "TooManyRequests", message, details)


def internal(message: str) -> ApiError:
    """500: our fault."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}")
