"""One HTTP/1.1 connection to a worker: one request at a time, kept alive between requests.

No pipelining: a response that never comes must not hold up another problem. Every request ends in exactly one
of two calls, an answer or a break, or in neither when the caller itself aborted. A break before the first
byte on a connection that was used before is the server's ordinary right to close an idle connection, and is
told apart (`STALE`), because it says nothing of the server.

The price of a protocol of our own is these lines; the gain is a seventh of the processor time of the usual
client.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Protocol, cast

import httptools

from traffic_sender.balancing import Endpoint
from traffic_sender.verdicts import Answer

RESPONSE_LIMIT_BYTES = 1 << 20


class Break(StrEnum):
    """How an attempt ended without an answer."""

    UNREACHABLE = "unreachable"  # no connection
    STALE = "stale"  # closed by the server as the request was sent, before any answer
    CUT = "cut"  # closed before the answer was whole
    MALFORMED = "malformed"  # what came is not HTTP, or too much
    TIMEOUT = "timeout"


class Listener(Protocol):
    """Who hears how the request on a connection ended."""

    def answered(self, connection: Connection, answer: Answer) -> None:
        """A whole response came; the connection is idle again if it is `usable`."""

    def broke(self, connection: Connection, reason: Break) -> None:
        """No response will come; the connection is closed."""

    def closed(self, connection: Connection) -> None:
        """An idle connection was closed by the server."""


class Connection(asyncio.Protocol):
    """A client's end. `usable` says whether it can take a request."""

    def __init__(self, endpoint: Endpoint, listener: Listener) -> None:
        self.endpoint = endpoint
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._requests = 0
        self._busy = False
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._begin_response()

    @property
    def usable(self) -> bool:
        """Open and idle."""
        return self._transport is not None and not self._transport.is_closing() and not self._busy

    def send(self, request: bytes) -> None:
        """Send one whole request; the connection must be usable."""
        if self._transport is None or not self.usable:
            raise RuntimeError("a request was sent on a connection that is closed or busy")
        self._begin_response()
        self._busy = True
        self._requests += 1
        self._transport.write(request)

    def abort(self) -> None:
        """Close at once; the request that is on it, if any, gets no call."""
        self._busy = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: it is open."""
        self._transport = cast("asyncio.Transport", transport)  # a stream's; uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """asyncio: a part of a response; on an idle connection nothing may come."""
        if not self._busy:
            self.abort()
            return
        self._received += len(data)
        if self._received > RESPONSE_LIMIT_BYTES:
            self._break(Break.MALFORMED)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(Break.MALFORMED)
            return
        if self._complete:
            self._finish(keep=self._parser.should_keep_alive())

    def eof_received(self) -> bool:
        """asyncio: the server closed its side; False closes ours."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: it is closed."""
        self._transport = None
        if not self._busy:
            self._listener.closed(self)
        elif self._until_close and error is None:
            self._finish(keep=False)  # a response without a length ends with its connection
        elif self._received == 0 and self._requests > 1:
            self._break(Break.STALE)
        else:
            self._break(Break.CUT)

    # What follows until `_begin_response` is called by the parser.

    def on_message_begin(self) -> None:
        """A status line comes: after an interim response another one, after the answer none."""
        if self._complete:
            raise ValueError("two responses to one request")
        self._headers = {}
        self._body = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        framed = b"content-length" in self._headers or b"transfer-encoding" in self._headers
        self._until_close = not framed and self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A response is whole; an interim one (1xx) is not the answer."""
        self._complete = self._parser.get_status_code() >= 200

    def _begin_response(self) -> None:
        self._headers = {}
        self._body = []
        self._received = 0
        self._complete = False
        self._until_close = False

    def _finish(self, *, keep: bool) -> None:
        answer = Answer(
            status=self._parser.get_status_code(),
            content_type=self._headers.get(b"content-type", b""),
            retry_after=self._headers.get(b"retry-after"),
            body=b"".join(self._body),
        )
        self._busy = False
        if not keep and self._transport is not None:
            self._transport.close()
        self._listener.answered(self, answer)

    def _break(self, reason: Break) -> None:
        self._busy = False
        if self._transport is not None:
            self._transport.abort()
        self._listener.broke(self, reason)
