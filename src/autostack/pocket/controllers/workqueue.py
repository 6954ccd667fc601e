"""A work queue of keys: each is wanted at most once, worked on by one worker at a time, and retried with
backoff.

A key that is added while it is being worked on is worked on once more afterwards, so no change is missed
and no two workers hold the same object. Failures wait 5 ms, doubled each time up to a minute.
The queue holds keys, not events, so its size is bounded by the number of objects.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_BACKOFF_S = 0.005
LONGEST_BACKOFF_S = 60.0


def backoff_s(failures: int) -> float:
    """The wait after so many failures in a row (1 is the first)."""
    return min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * float(2 ** min(failures - 1, 20)))


class WorkQueue(Generic[K]):
    """Used from one event loop only."""

    def __init__(self) -> None:
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._active: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()

    def add(self, key: K) -> None:
        """Want the key worked on, now."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._active:
            self._push(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Want the key worked on after a while; an earlier wish for it wins."""
        if delay_s <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        pending = self._timers.get(key)
        if pending is not None:
            if pending.when() <= loop.time() + delay_s:
                return
            pending.cancel()
        self._timers[key] = loop.call_later(delay_s, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def failed(self, key: K) -> float:
        """Retry the key with backoff; the wait in seconds."""
        self._failures[key] = self._failures.get(key, 0) + 1
        delay_s = backoff_s(self._failures[key])
        self.add_after(key, delay_s)
        return delay_s

    def succeeded(self, key: K) -> None:
        """Forget the key's failures."""
        self._failures.pop(key, None)

    def _push(self, key: K) -> None:
        self._ready.append(key)
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    async def get(self) -> K:
        """The next key, which is the caller's alone until `done`."""
        while not self._ready:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._active.add(key)
        return key

    def done(self, key: K) -> None:
        """End the work on the key; it is ready again at once if it was added meanwhile."""
        self._active.discard(key)
        if key in self._dirty:
            self._push(key)

    def close(self) -> None:
        """Cancel all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
