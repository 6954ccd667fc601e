"""Answers on the wire: status, headers, JSON bytes; warnings as the `Warning` header that clients print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from autostack.pocket.apiserver.http.request import Send
from autostack.pocket.errors import ApiError

WARNING_BYTES = 4_096


@dataclass(slots=True)
class Response:
    """A whole answer."""

    code: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def of(content: Any, code: int = 200) -> Response:
    """A JSON answer."""
    return Response(code, msgspec.json.encode(content) + b"\n")


def failure(error: ApiError) -> Response:
    """An error's Status."""
    retry = error.details.get("retryAfterSeconds")
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if error.code == 401:
        headers = ((b"www-authenticate", b'Bearer realm="kubernetes"'),)
    if retry is not None or error.code == 429:
        headers = (*headers, (b"retry-after", str(retry or 1).encode()))
    return Response(error.code, msgspec.json.encode(error.status()) + b"\n", headers=headers)


def warning_headers(warnings: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """RFC 7234 warning headers with code 299, as far as they fit."""
    found = []
    size = 0
    for text in dict.fromkeys(warnings):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        line = f'299 - "{quoted}"'.encode("latin-1", "replace")
        size += len(line)
        if size > WARNING_BYTES:
            break
        found.append((b"warning", line))
    return found


async def send(response: Response, send_message: Send, warnings: Iterable[str] = ()) -> None:
    """Write the answer."""
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        (b"cache-control", b"no-cache, private"),
        *response.headers,
        *warning_headers(warnings),
    ]
    await send_message({"type": "http.response.start", "status": response.code, "headers": headers})
    await send_message({"type": "http.response.body", "body": response.body})
