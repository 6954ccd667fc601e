"""pods/portforward: TCP connections to a pod's ports, carried in one WebSocket.

kubectl tunnels SPDY frames: each connection is a pair of streams, one for data and one for an error text.
The Python client uses plain channels: for the n-th port, channel 2n is data and 2n+1 errors, and the first
two bytes of each name the port.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http import spdy
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.http.websocket import WebSocket
from autostack.pocket.apiserver.subresources.log import node_of
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.errors import ApiError, bad_request
from autostack.pocket.node import NodeGateway

Object = dict[str, Any]
TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = ("v4.channel.k8s.io", "portforward.k8s.io")
CHUNK_BYTES = 32 * 1024
QUEUED_CHUNKS = 64
_PORT = re.compile(r"[0-9]{1,5}")


class Connection:
    """One TCP connection to the pod: bytes from the client in `feed`, bytes and the end to the client by
    two callbacks.
    """

    def __init__(
        self, to_client: Callable[[bytes], Awaitable[None]], ended: Callable[[str], Awaitable[None]]
    ) -> None:
        self._to_client = to_client
        self._ended = ended
        self._from_client: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_CHUNKS)

    async def feed(self, content: bytes) -> None:
        """Bytes for the pod; empty bytes are the end. Waits when the pod does not read."""
        await self._from_client.put(content)

    async def run(self, node: NodeGateway, pod: Object, port: int) -> None:
        """Connect and carry until both directions have ended; a failure is told, not raised."""
        try:
            reader, writer = await node.dial(pod, port)
        except (OSError, ApiError) as error:
            await self._ended(f"error forwarding port {port} to pod {pod['metadata']['name']}: {error}")
            return
        sending = asyncio.create_task(self._send(writer), name="port-forward-send")
        try:
            while content := await reader.read(CHUNK_BYTES):
                await self._to_client(content)
            await self._ended("")
        except OSError as error:
            await self._ended(f"error forwarding port {port}: {error}")
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while content := await self._from_client.get():
            writer.write(content)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(
    core: Core, call: Call, request: Request, protocols: tuple[str, ...], socket: WebSocket
) -> None:
    """Forward until the client closes the WebSocket."""
    pod = get(core, call).object
    if pod.get("status", {}).get("phase") != "Running":
        raise bad_request(
            "unable to forward port because pod is not running. Current "
            f"status={pod.get('status', {}).get('phase')}"
        )
    node = node_of(core)
    chosen = await socket.accept(protocols, (TUNNEL, *CHANNELS))
    tasks: set[asyncio.Task[None]] = set()
    try:
        if chosen == TUNNEL:
            await Tunnel(node, pod, socket, tasks).run()
        else:
            await _channels(request, node, pod, socket, tasks)
    finally:
        for task in tuple(tasks):  # the client has left, so nobody reads what they would still send
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await socket.close()


def _start(tasks: set[asyncio.Task[None]], running: Coroutine[Any, Any, None], port: int) -> None:
    task = asyncio.create_task(running, name=f"port-forward-{port}")
    tasks.add(task)
    task.add_done_callback(tasks.discard)


class Tunnel:
    """SPDY streams in a WebSocket, paired by request id."""

    def __init__(
        self, node: NodeGateway, pod: Object, socket: WebSocket, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._node, self._pod, self._socket, self._tasks = node, pod, socket, tasks
        self._session = spdy.Session()
        self._error_streams: dict[str, int] = {}
        self._connections: dict[int, Connection] = {}

    async def run(self) -> None:
        """Until the client closes, or says something that is not SPDY."""
        while (message := await self._socket.receive()) is not None:
            try:
                for frame in self._session.feed(message):
                    await self._handle(frame)
            except spdy.ProtocolError:
                return

    async def _handle(self, frame: spdy.Frame) -> None:
        if isinstance(frame, spdy.Ping):
            await self._socket.send(spdy.pong(frame.number))
        elif isinstance(frame, spdy.Opened):
            await self._socket.send(self._session.reply(frame.stream))
            self._open(frame)
        elif isinstance(frame, spdy.Data):
            connection = self._connections.get(frame.stream)
            if connection is not None and frame.content:
                await connection.feed(frame.content)
            if connection is not None and frame.finished:
                await connection.feed(b"")
        else:
            connection = self._connections.pop(frame.stream, None)
            if connection is not None:
                await connection.feed(b"")

    def _open(self, frame: spdy.Opened) -> None:
        request_id = frame.headers.get("requestid", "")
        if frame.headers.get("streamtype") == "error":
            self._error_streams[request_id] = frame.stream
            return
        errors = self._error_streams.pop(request_id, None)
        port = frame.headers.get("port", "")

        async def to_client(content: bytes) -> None:
            await self._socket.send(spdy.data(frame.stream, content))

        async def ended(why: str) -> None:
            self._connections.pop(frame.stream, None)
            if errors is not None:
                await self._socket.send(spdy.data(errors, why.encode(), finished=True))
            await self._socket.send(spdy.data(frame.stream, b"", finished=True))

        connection = self._connections[frame.stream] = Connection(to_client, ended)
        number = int(port) if _PORT.fullmatch(port) else 0
        _start(self._tasks, connection.run(self._node, self._pod, number), number)


async def _channels(
    request: Request, node: NodeGateway, pod: Object, socket: WebSocket, tasks: set[asyncio.Task[None]]
) -> None:
    texts = [port for value in request.multi.get("ports", []) for port in value.split(",")]
    connections = []
    for index, text in enumerate(texts):
        if not _PORT.fullmatch(text) or int(text) not in range(1, 65_536):
            raise bad_request(f"{text[:50]!r} is not the number of a port")
        for channel in (2 * index, 2 * index + 1):
            await socket.send(bytes([channel]) + struct.pack("<H", int(text)))
        connections.append(_channel_connection(index, socket))
        _start(tasks, connections[-1].run(node, pod, int(text)), int(text))
    while (message := await socket.receive()) is not None:
        index, is_error = divmod(message[0], 2) if message else (len(connections), 1)
        if not is_error and index < len(connections) and len(message) > 1:
            await connections[index].feed(message[1:])


def _channel_connection(index: int, socket: WebSocket) -> Connection:
    async def to_client(content: bytes) -> None:
        await socket.send(bytes([2 * index]) + content)

    async def ended(why: str) -> None:
        if why:
            await socket.send(bytes([2 * index + 1]) + why.encode())

    return Connection(to_client, ended)
