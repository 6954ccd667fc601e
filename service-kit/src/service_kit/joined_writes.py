"""An answer's head and body in one write: a system call and a packet less for every request.

The HTTP server writes the two apart, and the event loop hands each to the kernel at once. Here what is
written in one turn of the loop is joined and handed over at the turn's end; a lot of it, as in a long stream,
is handed over without waiting.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_BYTES = 64 * 1024
"""More than this is handed over at once, so that the transport's flow control sees it."""


class JoinedWrites:
    """A transport whose writes wait for the end of the loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Hold the data until the turn ends."""
        if not self._held:
            self._loop.call_soon(self.hand_over)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES:
            self.hand_over()

    def hand_over(self) -> None:
        """Write what is held."""
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()
            self._held_bytes = 0

    def close(self) -> None:
        """Close after what was written."""
        self.hand_over()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """All else is the transport's own."""
        return getattr(self._transport, name)


class JoiningProtocol(HttpToolsProtocol):
    """uvicorn's protocol over such a transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        joined = JoinedWrites(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(cast("asyncio.Transport", joined))
