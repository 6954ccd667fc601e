"""The addresses behind the target's name, looked up again and again.

A headless Service's name has one address per ready pod, and changes within seconds; asking twice a second
costs nothing. A lookup that fails keeps what is known: a name server that is away, or a moment without ready
pods, is no reason to forget those that may come back.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from traffic_sender.balancing import Address
from traffic_sender.target import Target

log = logging.getLogger(__name__)


async def lookup(target: Target) -> list[Address]:
    """All stream addresses of the target's name, in order and once each; raises OSError or UnicodeError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(Address(str(entry[4][0]), int(entry[4][1])) for entry in found))


class Resolution:
    """Keeps `changed` told of a target's addresses."""

    def __init__(
        self, target: Target, *, interval_s: float, changed: Callable[[list[Address]], None]
    ) -> None:
        self._target = target
        self._interval_s = interval_s
        self._changed = changed
        self._known: list[Address] = []
        self.failure: str | None = None

    async def once(self) -> None:
        """Look up now."""
        try:
            addresses = await lookup(self._target)
        except (OSError, UnicodeError) as error:  # the latter for a label that no name may have
            if self.failure is None:
                log.warning(
                    "name lookup failed", extra={"host": self._target.host, "error": str(error)[:200]}
                )
            self.failure = str(error)[:200]
            return
        self.failure = None
        if set(addresses) != set(self._known):
            log.info("addresses changed", extra={"addresses": [f"{a.host}:{a.port}" for a in addresses]})
            self._known = addresses
            self._changed(addresses)

    async def run(self) -> None:
        """Look up until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._interval_s)
