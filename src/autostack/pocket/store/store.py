"""The store: compare-and-set writes in group commits, reads from memory, watches from a bounded history.

A write names the revision that it expects to replace; the writer thread checks it against the newest
accepted state, and one journal batch makes all waiting writes durable at once. Only then do readers and
watchers see them and is the caller answered, so nobody ever saw a state that a crash could take back.
A fault that is not of the disk ends the store: all writes are refused, and `failed` says so to whoever has to
end the process, because nobody can tell any more what is durable.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from autostack.pocket.store.entry import Change, Entry, Event, Object
from autostack.pocket.store.errors import (
    BrokenError,
    StaleError,
    StoreError,
    UnavailableError,
    UnstorableError,
)
from autostack.pocket.store.journal import Journal, Key, Row
from autostack.pocket.store.watching import Interest, Subscription, Watchers

log = logging.getLogger(__name__)

BATCH_WRITES = 512
QUEUED_WRITES = 8_192


@dataclass(slots=True)
class _Write:
    """One write on its way: `obj` is None for a deletion, `expected` 0 for a creation and None for
    "whatever is there".
    """

    key: Key
    obj: Object | None
    expected: int | None
    done: asyncio.Future[Entry]


_Outcome = tuple[_Write, Entry | StoreError]


class Store:
    """Open with `await Store.open(journal)`; all methods belong to the event loop that opened it."""

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        self._journal = journal
        self._loop = loop
        snapshot = journal.open()
        self._revision = snapshot.revision
        self._entries: dict[str, dict[tuple[str, str], Entry]] = {}
        for row in snapshot.rows:
            if row.body is not None:
                self._shelf(row.key)[row.key.namespace, row.key.name] = Entry(row.key, row.revision, row.body)
        self.watchers = Watchers(snapshot.revision)
        self._accepted = {row.key: (row.revision, row.body or b"") for row in snapshot.rows}
        self._accepted_revision = snapshot.revision
        self._writes: queue.Queue[_Write | None] = queue.Queue(QUEUED_WRITES)
        self._closed = False
        self._fault: BaseException | None = None
        self._broken = asyncio.Event()
        self._writer = threading.Thread(target=self._write_batches, name="store-writer", daemon=True)

    @classmethod
    async def open(cls, journal: Journal) -> Store:
        """Read everything that is durable and start the writer; raises UnavailableError."""
        store = cls(journal, asyncio.get_running_loop())
        store._writer.start()
        return store

    async def close(self) -> None:
        """End watches, finish accepted writes, release the journal."""
        if self._closed and self._fault is None:
            return
        self._closed = True
        self.watchers.close()
        await asyncio.to_thread(self._writes.put, None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.sleep(0)  # the last batch's answers were handed to the loop; let them arrive
        self._journal.close()

    async def failed(self) -> None:
        """Wait until the writer ends by a fault, which never happens in good times; raises BrokenError."""
        await self._broken.wait()
        raise BrokenError("the cluster's store has failed") from self._fault

    # Reads

    @property
    def revision(self) -> int:
        """The revision of the newest acknowledged write."""
        return self._revision

    def _shelf(self, key: Key) -> dict[tuple[str, str], Entry]:
        return self._entries.setdefault(key.resource, {})

    def get(self, key: Key) -> Entry | None:
        """The present state, or None."""
        shelf = self._entries.get(key.resource)
        return None if shelf is None else shelf.get((key.namespace, key.name))

    def entries(self, resource: str, namespace: str | None = None) -> list[Entry]:
        """All objects of a resource, ordered by namespace and name."""
        shelf = self._entries.get(resource, {})
        chosen: Iterable[tuple[str, str]] = (
            shelf if namespace is None else [place for place in shelf if place[0] == namespace]
        )
        return [shelf[place] for place in sorted(chosen)]

    def count(self, resource: str) -> int:
        """How many objects of a resource there are."""
        return len(self._entries.get(resource, ()))

    def resources(self) -> list[str]:
        """The resources that have objects."""
        return [resource for resource, shelf in self._entries.items() if shelf]

    def watch(self, resource: str, since: int, interest: Interest | None = None) -> Subscription:
        """Acknowledged changes after revision `since`; raises CompactedError or FutureError."""
        return self.watchers.subscribe(resource, since, self._revision, interest)

    # Writes

    async def put(self, key: Key, obj: Object, *, expected: int | None) -> Entry:
        """Store the object durably; `expected` is the revision it replaces, 0 if it must not exist.

        The store takes the object over and writes its resourceVersion. Raises StaleError or UnavailableError.
        """
        return await self._submit(key, obj, expected)

    async def remove(self, key: Key, *, expected: int | None) -> Entry:
        """Delete durably; the result is the last state with the deletion's revision. Raises StaleError or
        UnavailableError.
        """
        return await self._submit(key, None, expected)

    async def _submit(self, key: Key, obj: Object | None, expected: int | None) -> Entry:
        if self._closed:
            raise UnavailableError("the cluster's store is closed")
        done: asyncio.Future[Entry] = self._loop.create_future()
        try:
            self._writes.put_nowait(_Write(key, obj, expected, done))
        except queue.Full:
            waiting = f"{QUEUED_WRITES} writes are waiting for the disk; try again later"
            raise UnavailableError(waiting) from None
        return await done

    # The writer thread

    def _write_batches(self) -> None:
        running = True
        while running:
            batch = [self._writes.get()]
            try:
                while len(batch) < BATCH_WRITES and not self._writes.empty():
                    batch.append(self._writes.get_nowait())
                running = None not in batch
                outcomes = self._commit([write for write in batch if write is not None])
            except BaseException as fault:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                self._loop.call_soon_threadsafe(self._break, batch, fault)
                return
            self._loop.call_soon_threadsafe(self._publish, outcomes)

    def _commit(self, batch: list[_Write]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        staged: dict[Key, tuple[int, bytes] | None] = {}
        rows: list[Row] = []
        for write in batch:
            present = staged[write.key] if write.key in staged else self._accepted.get(write.key)
            actual = 0 if present is None else present[0]
            if (write.expected is not None and write.expected != actual) or (
                write.obj is None and present is None
            ):
                outcomes.append((write, StaleError(actual)))
                continue
            try:
                entry = self._stage(write, present, self._accepted_revision + len(rows) + 1)
            except (TypeError, ValueError, OverflowError, RecursionError, KeyError) as error:
                outcomes.append((write, UnstorableError(f"the object cannot be stored as JSON: {error!r}")))
                continue
            deleted = write.obj is None
            staged[write.key] = None if deleted else (entry.revision, entry.raw)
            rows.append(Row(write.key, entry.revision, None if deleted else entry.raw))
            outcomes.append((write, entry))
        if not rows:
            return outcomes
        try:
            self._journal.append(rows)
        except UnavailableError as error:
            return [(write, error if isinstance(outcome, Entry) else outcome) for write, outcome in outcomes]
        self._accepted_revision += len(rows)
        for key, state in staged.items():
            if state is None:
                self._accepted.pop(key, None)
            else:
                self._accepted[key] = state
        return outcomes

    @staticmethod
    def _stage(write: _Write, present: tuple[int, bytes] | None, revision: int) -> Entry:
        obj = write.obj
        if obj is None:
            obj = msgspec.json.decode(present[1]) if present is not None else {}
        obj["metadata"]["resourceVersion"] = str(revision)
        return Entry(write.key, revision, msgspec.json.encode(obj), obj)

    # Back on the loop

    def _break(self, batch: list[_Write | None], fault: BaseException) -> None:
        """Refuse the batch, what waits behind it, and all that comes: what is on the disk is not known."""
        log.critical("the store's writer has failed", exc_info=fault)
        self._closed, self._fault = True, fault
        while not self._writes.empty():
            batch.append(self._writes.get_nowait())
        for write in batch:
            if write is not None and not write.done.done():
                write.done.set_exception(UnavailableError("the cluster's store has failed"))
        self._broken.set()

    def _publish(self, outcomes: list[_Outcome]) -> None:
        for write, outcome in outcomes:
            if isinstance(outcome, StoreError):
                if not write.done.done():
                    write.done.set_exception(outcome)
                continue
            self._revision = outcome.revision
            event = self._apply(write, outcome)
            self.watchers.publish(event)
            if event.previous is not None:
                event.previous.forget_decoded()
            if not write.done.done():
                write.done.set_result(outcome)

    def _apply(self, write: _Write, entry: Entry) -> Event:
        shelf = self._shelf(write.key)
        place = (write.key.namespace, write.key.name)
        previous = shelf.pop(place, None) if write.obj is None else shelf.get(place)
        change: Change = "DELETED"
        if write.obj is not None:
            shelf[place] = entry
            change = "MODIFIED" if previous else "ADDED"
        return Event(change, entry, previous)
