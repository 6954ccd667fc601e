"""Two connections joined: what arrives on one side leaves on the other, at the speed of the slower one.

Bytes are not looked at. Each side's end of stream is passed on as such, so half-closed connections work; a
reset on one side resets the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from autostack.pocket.proxy.balancing import Backend, Balancer

log = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 3.0


class Side(asyncio.Protocol):
    """One of the two connections; `peer` is the other one's, once it is there."""

    __slots__ = ("_on_lost", "ended", "peer", "transport")

    def __init__(self, peer: Side | None = None, on_lost: Callable[[], None] | None = None) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer = peer
        self.ended = False
        self._on_lost = on_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # what every loop gives a TCP protocol

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        peer = self.peer
        if peer is not None and peer.transport is not None:
            peer.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end of stream on; the other direction stays open until it ends too."""
        self.ended = True
        peer = self.peer
        if peer is None or peer.transport is None or peer.ended:
            return False  # both directions have ended: the loop closes this side, and that closes the other
        if not peer.transport.is_closing():
            peer.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """This side takes no more: stop reading from the other."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """This side takes more again."""
        peer = self.peer
        if peer is not None and peer.transport is not None and not peer.transport.is_closing():
            peer.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """End the other side too: after what is still to be sent, or at once if this one was reset."""
        peer, self.peer = self.peer, None
        if peer is not None and peer.transport is not None:
            if error is None:
                peer.transport.close()
            else:
                peer.transport.abort()
        if self._on_lost is not None:
            self._on_lost()


class ClientSide(Side):
    """An accepted connection. It asks not to be read until a pod has taken it, but uvloop begins to read
    after `connection_made` all the same, so what comes early is kept and not lost.
    """

    __slots__ = ("_balancer", "_connecting", "_early")

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        self._balancer = balancer
        self._early = bytearray()
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find a pod."""
        super().connection_made(transport)
        assert self.transport is not None  # noqa: S101 - just set
        self.transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect(), name="proxy-connect")

    def data_received(self, data: bytes) -> None:
        """Pass it on, or keep it until there is somebody to pass it to."""
        if self.peer is not None:
            super().data_received(data)
            return
        self._early += data
        if self.transport is not None:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """As for any side; an end that comes early is passed on at the join."""
        if self.peer is not None:
            return super().eof_received()
        self.ended = True
        return True

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        for backend in self._balancer.order():
            self._balancer.opened(backend)
            side = Side(self, lambda backend=backend: self._balancer.closed(backend))  # type: ignore[misc]
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(lambda side=side: side, *backend)  # type: ignore[misc]
            except (OSError, TimeoutError) as error:
                self._balancer.closed(backend)
                log.info("endpoint unreachable", extra={"backend": backend, "error": str(error)})
                continue
            except asyncio.CancelledError:  # the client has gone meanwhile
                self._balancer.closed(backend)
                raise
            self._join(side)
            return
        if self.transport is not None:
            self.transport.abort()  # nobody there: a reset, as from a closed port

    def _join(self, side: Side) -> None:
        assert side.transport is not None  # noqa: S101 - connected
        if self.transport is None or self.transport.is_closing():
            side.transport.close()
            return
        self.peer = side
        if self._early:
            side.transport.write(bytes(self._early))
            self._early.clear()
        if self.ended:
            side.transport.write_eof()
        else:
            self.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Also give up finding a pod."""
        super().connection_lost(error)
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()


__all__ = ["Backend", "ClientSide", "Side"]
