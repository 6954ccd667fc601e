"""Problem documents (RFC 9457): one shape for every refusal, whoever raised it.

Validation errors, unknown paths, wrong methods and our own ProblemError all become
`application/problem+json`. A fault of ours becomes a bare 500 whose detail is in the log, not in the answer.
"""

from __future__ import annotations

import http
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service_kit.errors import ProblemError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:auto-stack:problem:"
_FOREIGN_CAP = 200
_ERRORS_CAP = 20

log = logging.getLogger(__name__)

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457); some kinds carry further members.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "what programs may switch on"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "what, where, what to do"},
    },
    "additionalProperties": True,
}


def problem_responses(*statuses: int | str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for refusals; FastAPI's default 422 shape gives way to it."""
    content = {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}
    return {status: {"description": _title(status), "content": content} for status in statuses}


def problem_response(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Response:
    """A problem document as a response."""
    document = {"type": TYPE_PREFIX + kind, "title": _title(status), "status": status, "detail": detail}
    return Response(
        msgspec.json.encode({**document, **(fields or {})}, enc_hook=str),
        status_code=status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def problem_of(error: ProblemError) -> Response:
    """The document of a refusal that was raised."""
    return problem_response(
        error.status_code, error.kind, str(error.detail), headers=error.headers, fields=error.fields
    )


def handle_problems(application: FastAPI) -> None:
    """Make every refusal of the application a problem document."""
    application.add_exception_handler(HTTPException, _http_error)
    application.add_exception_handler(RequestValidationError, _validation_error)
    application.add_exception_handler(Exception, _fault)


def _title(status: int | str) -> str:
    try:
        return http.HTTPStatus(int(status)).phrase
    except ValueError:
        return "Refused" if str(status).startswith("4") else "Failed"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only; narrows it for mypy
    if isinstance(error, ProblemError):
        return problem_of(error)
    path = request.url.path[:_FOREIGN_CAP]
    details = {
        404: f"there is nothing at {path}",
        405: f"{request.method[:20]} is not allowed at {path}",
    }
    generic = error.detail == _title(error.status_code)
    detail = details.get(error.status_code, str(error.detail)) if generic else str(error.detail)
    kind = _title(error.status_code).lower().replace(" ", "-")
    return problem_response(error.status_code, kind, detail, headers=error.headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only; narrows it for mypy
    errors = [
        {"where": _pointer(item["loc"]), "what": str(item["msg"])[:_FOREIGN_CAP]}
        for item in error.errors()[:_ERRORS_CAP]
    ]
    detail = "; ".join(f"{item['where']}: {item['what']}" for item in errors)
    return problem_response(422, "invalid-request", detail, fields={"errors": errors})


async def _fault(request: Request, error: Exception) -> Response:
    log.error("request failed", exc_info=error, extra={"path": request.url.path[:_FOREIGN_CAP]})
    return problem_response(500, "internal", "the service failed; its log has the reason")


def _pointer(location: Iterable[str | int]) -> str:
    return ".".join(str(part)[:_FOREIGN_CAP] for part in location)
