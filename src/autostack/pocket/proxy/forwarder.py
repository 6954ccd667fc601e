"""The forwarder: the process that carries all connections to Services and host ports.

It knows nothing of Kubernetes: over its Unix socket the control plane sends the whole table, one JSON object
a line, and gets back which addresses could not be listened on. Without a control plane it goes on with the
last table, and ends when its socket's file is gone, that is, when the cluster was deleted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvloop

from autostack.pocket.proxy.balancing import Backend, Balancer
from autostack.pocket.proxy.splice import ClientSide

log = logging.getLogger("autostack.proxy")
BACKLOG = 1024
LINE_LIMIT = 16 * 1024 * 1024
ORPHAN_CHECK_S = 5.0
DRAIN_S = 5.0


class Forwarder:
    """The listeners as they are; `apply` makes them what the table says."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[asyncio.Server, Balancer]] = {}
        self._draining: list[Balancer] = []

    async def apply(self, listeners: dict[str, dict[str, Any]]) -> dict[str, str]:
        """Close, change and open listeners; why some can't be opened, by key. Open connections stay."""
        failed: dict[str, str] = {}
        for key in self._open.keys() - listeners.keys():
            server, balancer = self._open.pop(key)
            server.close()
            self._draining.append(balancer)
        for key, wanted in listeners.items():
            backends: list[Backend] = [(host, port) for host, port in wanted["backends"]]
            present = self._open.get(key)
            if present is not None:
                present[1].replace(backends)
                continue
            try:
                self._open[key] = await self._listen(wanted["host"], wanted["port"], Balancer(backends))
            except OSError as error:
                failed[key] = os.strerror(error.errno) if error.errno else str(error)
        self._draining = [one for one in self._draining if one.connections]
        return failed

    async def _listen(self, host: str, port: int, balancer: Balancer) -> tuple[asyncio.Server, Balancer]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: ClientSide(balancer), host, port, backlog=BACKLOG, reuse_address=True
        )
        return server, balancer

    async def drain(self) -> None:
        """Accept nothing more, and give open connections a little time to end."""
        await self.apply({})
        deadline = asyncio.get_running_loop().time() + DRAIN_S
        while any(one.connections for one in self._draining):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.05)


class Control:
    """The Unix socket: one control plane at a time, the newest wins."""

    def __init__(self, forwarder: Forwarder, path: Path) -> None:
        self._forwarder = forwarder
        self._path = path
        self._connected = 0
        self._lock = asyncio.Lock()
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take tables from one control plane until it goes."""
        self._connected += 1
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if message.get("stop"):
                    await self._forwarder.drain()
                    self.ended.set()
                    return
                async with self._lock:
                    failed = await self._forwarder.apply(message["listeners"])
                answer = {"round": message["round"], "failed": failed}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError) as error:
            log.warning("control connection ended: %s", error)
        finally:
            self._connected -= 1
            writer.close()

    def _is_there(self) -> bool:
        return os.path.lexists(self._path)

    def remove(self) -> None:
        """Remove the socket's file, so that nobody waits for an ended process."""
        self._path.unlink(missing_ok=True)

    async def watch_for_deletion(self) -> None:
        """End when nobody steers and the cluster's folder is gone."""
        while not self.ended.is_set():
            await asyncio.sleep(ORPHAN_CHECK_S)
            if not self._connected and not self._is_there():
                self.ended.set()


async def main(path: Path, descriptor: int) -> None:
    """Serve on the listening Unix socket that was inherited as `descriptor`."""
    control = Control(Forwarder(), path)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, control.ended.set)
    listening = socket.socket(fileno=descriptor)
    listening.setblocking(False)
    server = await asyncio.start_unix_server(control.serve, sock=listening, limit=LINE_LIMIT)
    watch = asyncio.create_task(control.watch_for_deletion(), name="watch-for-deletion")
    await control.ended.wait()
    watch.cancel()
    server.close()
    control.remove()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
