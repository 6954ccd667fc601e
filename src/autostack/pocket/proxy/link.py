"""The link to the forwarder: start it or find it running, send it tables, hear what failed.

The socket is made before the process is started and is handed to it, so a connection never has to wait for
it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autostack.pocket.errors import PocketError

log = logging.getLogger(__name__)

SOCKET_NAME, LOG_NAME = "proxy.sock", "proxy.log"
LINE_LIMIT = 16 * 1024 * 1024
ANSWER_TIMEOUT_S = 10.0
INHERITED = 3


class ForwarderLostError(PocketError):
    """The forwarder can't be reached; a new one must be started."""


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path through an open folder, since a Unix socket's own path may have 107 bytes only."""
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


class Link:
    """One connection to the forwarder. Use from one task; `lost` is set when the forwarder has gone."""

    def __init__(self, state: Path) -> None:
        self.lost = asyncio.Event()
        self._path = state / SOCKET_NAME
        self._log = state / LOG_NAME
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._round = 0
        self._pid: int | None = None

    async def open(self) -> None:
        """Connect to the running forwarder, or start one."""
        self.close()
        try:
            reader, self._writer = await self._connect()
        except OSError:
            await asyncio.to_thread(self._start)
            reader, self._writer = await self._connect()
        self.lost.clear()
        self._listening = asyncio.create_task(self._listen(reader), name="proxy-link")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                answer = json.loads(line)
                pending = self._answer
                if pending is not None and not pending.done() and answer["round"] == self._round:
                    pending.set_result(answer)
        except OSError as error:
            log.info("link to the service proxy broke", extra={"error": str(error)})
        self.lost.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ForwarderLostError("the service proxy has ended"))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _short(self._path) as path:
                client.connect(path)  # a Unix socket answers at once or not at all
            client.setblocking(False)
            return await asyncio.open_unix_connection(sock=client, limit=LINE_LIMIT)
        except OSError:
            client.close()
            raise

    def _start(self) -> None:
        self._reap()
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening,
            self._log.open("ab") as log_file,
            Path(os.devnull).open("rb") as nothing,
        ):
            with _short(self._path) as path:
                listening.bind(path)
            listening.listen(8)
            handed = ((nothing, 0), (log_file, 1), (log_file, 2), (listening, INHERITED))
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", "autostack.pocket.proxy.forwarder", str(self._path), str(INHERITED)],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), number) for file, number in handed],
                setsid=True,  # it outlives a control plane that is killed
            )

    def _reap(self) -> None:
        """Wait for a forwarder of ours that has ended, so that it does not stay as a zombie."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)  # a zombie does not mind, and one that hangs must go
            os.waitpid(self._pid, 0)
            self._pid = None

    async def send(self, listeners: dict[str, Any]) -> dict[str, str]:
        """Make the forwarder's table this one; what could not be listened on, by key, with the reason."""
        self._round += 1
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                if self._writer is None or self.lost.is_set():
                    await self.open()
                assert self._writer is not None  # noqa: S101 - open sets it or raises
                self._answer = asyncio.get_running_loop().create_future()
                message = {"round": self._round, "listeners": listeners}
                self._writer.write(json.dumps(message).encode() + b"\n")
                await self._writer.drain()
                return dict((await self._answer)["failed"])
        except (OSError, TimeoutError) as error:
            self.close()
            raise ForwarderLostError(f"the service proxy does not answer: {error}") from error

    async def stop(self) -> None:
        """Ask the forwarder to end, if one runs, and wait until it has."""
        try:
            reader, self._writer = await self._connect()
        except OSError:
            return
        self._listening = asyncio.create_task(self._listen(reader), name="proxy-link")
        try:
            self._writer.write(b'{"stop": true}\n')
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._writer.drain()
                await self.lost.wait()
        except (OSError, TimeoutError) as error:
            log.warning("the service proxy did not end by itself", extra={"error": str(error)})
        self.close()

    def close(self) -> None:
        """Leave the forwarder to itself."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
