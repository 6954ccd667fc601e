"""pods/portforward."""

from __future__ import annotations

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.http.websocket import WebSocket


async def serve(core: Core, call: Call, request: Request, protocols: tuple[str, ...], socket: WebSocket) -> None:
    """To be."""
