"""A WebSocket as ASGI gives it, reduced to binary messages: accept, receive, send, close."""

from __future__ import annotations

from collections.abc import Sequence

from autostack.pocket.apiserver.http.request import Receive, Send
from autostack.pocket.errors import ApiError


class WebSocket:
    """One connection. `receive` gives None when the other side has closed."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._open = False

    async def accept(self, offered: Sequence[str], known: Sequence[str]) -> str:
        """Agree on the first protocol that both sides know; raises 403 when there is none."""
        chosen = next((protocol for protocol in offered if protocol in known), None)
        if chosen is None:
            raise ApiError(
                403,
                "Forbidden",
                f"unable to upgrade: none of the protocols {list(offered)} is known; known are {list(known)}",
            )
        await self._send({"type": "websocket.accept", "subprotocol": chosen})
        self._open = True
        return chosen

    async def receive(self) -> bytes | None:
        """The next message, or None at the end."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._open = False
            return None
        data = message.get("bytes")
        return data if data is not None else (message.get("text") or "").encode()

    async def send(self, data: bytes) -> None:
        """Send one binary message; nothing happens when the other side is gone."""
        if self._open:
            await self._send({"type": "websocket.send", "bytes": data})

    async def close(self) -> None:
        """Close normally."""
        if self._open:
            self._open = False
            await self._send({"type": "websocket.close", "code": 1000})
