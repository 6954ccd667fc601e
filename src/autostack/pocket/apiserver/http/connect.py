"""Requests that reach into a pod: a log as a stream, and the WebSockets of exec, attach and port-forward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.objects import call_of
from autostack.pocket.apiserver.http.paths import Place, verb_of
from autostack.pocket.apiserver.http.request import Receive, Request, Send
from autostack.pocket.apiserver.http.response import warning_headers
from autostack.pocket.apiserver.http.websocket import WebSocket
from autostack.pocket.apiserver.subresources import execution, log, portforward
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.errors import bad_request

HTTP_STREAMS = ("attach", "exec", "log", "portforward")
WEBSOCKETS = ("attach", "exec", "portforward")


async def http(core: Core, request: Request, place: Place, receive: Receive, send: Send) -> None:
    """Serve a log; tell a client that wants exec without WebSockets what is missing."""
    call = call_of(core, request, place, verb_of(request.method, place, watch=False))
    if place.subresource != "log":
        get(core, call)
        raise bad_request(
            f"pods/{place.subresource} needs an upgrade to a WebSocket; SPDY without one is not served"
        )
    await _stream_log(call, log.read(core, call, request), receive, send)


async def _stream_log(call: Call, chunks: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send the log until it ends or the client leaves; a failure before the first byte is still a Status."""
    leaving = asyncio.create_task(_left(receive), name="log-client-leaving")
    beginning = asyncio.ensure_future(anext(chunks, b""))
    writing: asyncio.Task[None] | None = None
    try:
        await asyncio.wait((beginning, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not beginning.done():
            return
        first = beginning.result()
        headers = [(b"content-type", b"text/plain"), *warning_headers(call.warnings)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        writing = asyncio.create_task(_copy(first, chunks, send), name="pod-log")
        await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        tasks = [task for task in (beginning, writing, leaving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(first: bytes, chunks: AsyncIterator[bytes], send: Send) -> None:
    await send({"type": "http.response.body", "body": first, "more_body": True})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def websocket(
    core: Core, request: Request, place: Place, protocols: tuple[str, ...], socket: WebSocket
) -> None:
    """Serve exec, attach and port-forward; the right for all is `create`, as in Kubernetes since 1.35."""
    call = call_of(core, request, place, "create")
    if place.subresource == "portforward":
        await portforward.serve(core, call, request, protocols, socket)
    else:
        await execution.serve(core, call, request, protocols, socket)
