"""One HTTP request, read from ASGI: its query and headers decoded, its body bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from autostack.pocket.apiserver.call import ANONYMOUS, User
from autostack.pocket.errors import ApiError, bad_request, wrong_option

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
TRUE = ("1", "true", "t", "yes")


@dataclass(slots=True)
class Request:
    """A request; repeated query names keep their last value, except in `multi`."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    multi: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    user: User = ANONYMOUS
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """From an ASGI scope, without the body."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        multi: dict[str, list[str]] = {}
        for name, value in pairs:
            multi.setdefault(name, []).append(value)
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            # groups are one header each, and nothing else that matters here repeats
            headers[name] = (
                f"{headers[name]}\n{value}" if name == "impersonate-group" and name in headers else value
            )
        return cls(scope.get("method", "GET"), scope["path"], dict(pairs), headers, multi)

    def flag(self, name: str) -> bool:
        """A boolean; clients write true, True and 1."""
        return self.query.get(name, "").lower() in TRUE

    def number(self, name: str) -> int | None:
        """An integer; raises 400 for anything else."""
        text = self.query.get(name)
        if text is None or text == "":
            return None
        try:
            return int(text)
        except ValueError:
            raise bad_request(f"the query parameter {name} must be a number, not {text[:50]!r}") from None

    def dry_run(self) -> bool:
        """Whether nothing shall be stored; raises 422 for a value other than All."""
        values = self.multi.get("dryRun", [])
        if any(value not in ("", "All") for value in values):
            options = {"POST": "Create", "PUT": "Update", "PATCH": "Patch", "DELETE": "Delete"}
            kind = f"{options.get(self.method, '')}Options"
            raise wrong_option(kind, "dryRun", 'supported values: "All"', "Unsupported value", values)
        return "All" in values

    def field_manager(self) -> str:
        """Who writes: named, or the first word of the user agent."""
        return (
            self.query.get("fieldManager")
            or self.headers.get("user-agent", "").split("/", 1)[0][:128]
            or "unknown"
        )


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """The whole body; raises 413 past the limit."""
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request("the client went away before the body ended")
        part = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit_bytes}")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
