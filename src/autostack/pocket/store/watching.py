"""History and subscriptions: who watches what, from which revision, and what is too old or too slow.

History is bounded in events and bytes; older events are compacted, and a watch from before them fails. A
subscription has a bounded queue: a reader that does not keep up is closed rather than waited for, because
it can list and resume.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from autostack.pocket.store.entry import Event
from autostack.pocket.store.errors import CompactedError, FutureError

HISTORY_EVENTS = 4_096
HISTORY_BYTES = 6 * 1024 * 1024
QUEUE_EVENTS = 2_048

Interest = Callable[[Event], Event | None]
"""The event as a watcher sees it, or None when it does not concern him."""


class History:
    """The newest events in order, and the revision from which they are complete."""

    def __init__(self, revision: int) -> None:
        self.complete_since = revision
        self._events: deque[Event] = deque()
        self._size_bytes = 0

    def append(self, event: Event) -> None:
        """Add the newest event and drop what is over the bounds."""
        self._events.append(event)
        self._size_bytes += len(event.entry.raw)
        while len(self._events) > HISTORY_EVENTS or self._size_bytes > HISTORY_BYTES:
            dropped = self._events.popleft()
            self._size_bytes -= len(dropped.entry.raw)
            self.complete_since = dropped.revision

    def compact(self) -> None:
        """Forget everything, as a restart does."""
        while self._events:
            self.complete_since = self._events.popleft().revision
        self._size_bytes = 0

    def since(self, revision: int, resource: str) -> list[Event]:
        """The events of a resource after `revision`; raises CompactedError."""
        if revision < self.complete_since:
            raise CompactedError(f"too old resource version: {revision} ({self.complete_since})")
        found = []
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            if event.entry.key.resource == resource:
                found.append(event)
        found.reverse()
        return found


class Subscription:
    """One watcher's queue. Iterating ends when it was closed; then `slow` tells whether it fell behind."""

    def __init__(
        self, interest: Interest | None, backlog: list[Event], on_close: Callable[[Subscription], None]
    ) -> None:
        self._interest = interest
        self._queue: deque[Event] = deque(
            seen for event in backlog if (seen := interest(event) if interest else event)
        )
        self._limit = QUEUE_EVENTS + len(self._queue)
        self._waiting: asyncio.Future[None] | None = None
        self._on_close = on_close
        self.closed = False
        self.slow = False

    def offer(self, event: Event) -> None:
        """Queue the event if it is of interest; close the subscription if its queue is full."""
        seen = self._interest(event) if self._interest else event
        if seen is None:
            return
        if len(self._queue) >= self._limit:
            self.slow = True
            self.close()
            return
        self._queue.append(seen)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def close(self) -> None:
        """Stop; what is queued is dropped."""
        if not self.closed:
            self.closed = True
            self._queue.clear()
            self._wake()
            self._on_close(self)

    def pending(self) -> Event | None:
        """The next event if one is there already."""
        return self._queue.popleft() if self._queue else None

    async def next(self, within_s: float | None = None) -> Event | None:
        """The next event; None when none came in time or the subscription was closed. One reader, who may
        cancel.
        """
        if not self._queue and not self.closed:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(within_s, self._wake) if within_s is not None else None
            try:
                await self._waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        return self._queue.popleft() if self._queue else None

    async def __aiter__(self) -> AsyncIterator[Event]:
        try:
            while (event := await self.next()) is not None:
                yield event
        finally:
            self.close()


class Watchers:
    """All subscriptions, by resource, and the history that a new one starts from."""

    def __init__(self, revision: int) -> None:
        self.history = History(revision)
        self._by_resource: dict[str, set[Subscription]] = {}

    def subscribe(self, resource: str, since: int, newest: int, interest: Interest | None) -> Subscription:
        """Watch a resource for events after `since`; raises CompactedError or FutureError."""
        if since > newest:
            raise FutureError(f"too large resource version: {since}, current: {newest}")
        watching = self._by_resource.setdefault(resource, set())
        subscription = Subscription(interest, self.history.since(since, resource), watching.discard)
        watching.add(subscription)
        return subscription

    def publish(self, event: Event) -> None:
        """Record the event and offer it to everyone who watches its resource."""
        self.history.append(event)
        for subscription in tuple(self._by_resource.get(event.entry.key.resource, ())):
            subscription.offer(event)

    def count(self, resource: str) -> int:
        """How many watch a resource now."""
        return len(self._by_resource.get(resource, ()))

    def close(self) -> None:
        """End every watch."""
        for watching in self._by_resource.values():
            for subscription in tuple(watching):
                subscription.close()
