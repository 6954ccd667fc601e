"""A small real HTTP server that behaves as a test says: slow, refusing, cutting connections, or gone.

It stands for a bad worker; a good one is the worker-node itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from harness.postgres import free_address

Body = dict[str, Any]


@dataclass
class Call:
    """One request that came, and what may be done with it."""

    body: Body
    number: int
    on_connection: int
    writer: asyncio.StreamWriter

    def respond(
        self,
        status: int,
        body: bytes,
        *,
        media: str = "application/json",
        headers: str = "",
        cut: int | None = None,
    ) -> None:
        """Write a response, or only its first `cut` bytes."""
        head = (
            f"HTTP/1.1 {status} Some\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        )
        self.writer.write((head.encode() + body)[:cut])

    def acknowledge(self, *, headers: str = "", cut: int | None = None) -> None:
        """The answer of a worker that has stored the problem."""
        answer = {"id": self.body["id"], "expression": self.body["expression"], "status": "ok", "result": "1"}
        self.respond(200, json.dumps(answer).encode(), headers=headers, cut=cut)

    def close(self) -> None:
        """Close the connection after what was written."""
        self.writer.close()


Behaviour = Callable[["ScriptedWorker", Call], Awaitable[None]]


async def acknowledge(worker: ScriptedWorker, call: Call) -> None:
    """The behaviour of a good worker."""
    worker.stored.append(call.body["id"])
    call.acknowledge()


@dataclass
class ScriptedWorker:
    """The server; `stored` are the ids of what it acknowledged or stored without saying so, in order."""

    behave: Behaviour = acknowledge
    host: str = ""
    port: int = 0
    calls: int = 0
    stored: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _serving: dict[asyncio.StreamWriter, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> ScriptedWorker:
        """Listen, at the same address as before if there was one."""
        if not self.host:
            self.host, self.port = free_address()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        return self

    async def stop(self) -> None:
        """Refuse new connections and cut all that are open, as a killed process does."""
        if self._server is not None:
            self._server.close()
            serving = list(self._serving.items())
            for writer, task in serving:
                writer.transport.abort()
                task.cancel()
            await asyncio.gather(*(task for _, task in serving), return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[writer] = task
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            on_connection = 0
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length")
                )
                body = json.loads(await reader.readexactly(length))
                self.calls += 1
                on_connection += 1
                await self.behave(self, Call(body, self.calls, on_connection, writer))
        del self._serving[writer]
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
