"""The open connections to each worker: the one used last is used next, so that surplus ones grow old and are
closed by the server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from traffic_sender.balancing import Endpoint
from traffic_sender.connection import Connection, Listener

log = logging.getLogger(__name__)


class Pool:
    """Idle connections by worker, and those being made."""

    def __init__(self, listener: Listener, *, connect_timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._connect_timeout_s = connect_timeout_s
        self._idle: dict[Endpoint, list[Connection]] = {}
        self._connecting: set[asyncio.Task[None]] = set()

    def take(self, endpoint: Endpoint) -> Connection | None:
        """An idle connection to a worker, out of the pool."""
        connections = self._idle.get(endpoint, [])
        while connections:
            connection = connections.pop()
            if connection.usable:
                return connection
        return None

    def keep(self, connection: Connection) -> None:
        """Put a connection back, or close it when it is of no more use."""
        if connection.usable and not connection.endpoint.gone:
            self._idle.setdefault(connection.endpoint, []).append(connection)
        else:
            connection.abort()

    def discard(self, connection: Connection) -> None:
        """Forget an idle connection that was closed by the server."""
        connections = self._idle.get(connection.endpoint, [])
        if connection in connections:
            connections.remove(connection)

    def forget(self, endpoint: Endpoint) -> None:
        """Close all idle connections to a worker."""
        for connection in self._idle.pop(endpoint, []):
            connection.abort()

    def open(self, endpoint: Endpoint, done: Callable[[Connection | None], None]) -> None:
        """Make a connection, and give it, or None when none could be had in time, to `done`."""
        name = f"connect to {endpoint.address.host}:{endpoint.address.port}"
        task = self._loop.create_task(self._open(endpoint, done), name=name)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def close(self) -> None:
        """Close everything; `done` is called for nothing any more."""
        connecting = list(self._connecting)
        for task in connecting:
            task.cancel()
        if connecting:
            await asyncio.wait(connecting)
        for endpoint in list(self._idle):
            self.forget(endpoint)

    async def _open(self, endpoint: Endpoint, done: Callable[[Connection | None], None]) -> None:
        host, port = endpoint.address
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(endpoint, self._listener), host, port
                )
        except (OSError, TimeoutError):
            done(None)
        except Exception:
            log.exception("connecting failed in an unforeseen way", extra={"host": host, "port": port})
            done(None)
        else:
            done(connection)
