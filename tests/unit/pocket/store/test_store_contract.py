"""The store's contract, for every journal: what is acknowledged is there, in order, and nothing else is."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_journal import FillableJournal

from autostack.pocket.store.errors import (
    BrokenError,
    CompactedError,
    FutureError,
    StaleError,
    UnavailableError,
    UnstorableError,
)
from autostack.pocket.store.journal import Journal, Key, MemoryJournal, Row
from autostack.pocket.store.sqlite import SqliteJournal
from autostack.pocket.store.store import Store
from autostack.pocket.store.watching import HISTORY_EVENTS, QUEUE_EVENTS

Reopen = Callable[[], Journal]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same durable state again and again."""
    memory = MemoryJournal()
    return lambda: memory if request.param == "memory" else SqliteJournal(tmp_path / "store.db")


@pytest.fixture
async def store(reopen: Reopen) -> AsyncIterator[Store]:
    opened = await Store.open(reopen())
    yield opened
    await opened.close()


def key(name: str = "a", namespace: str = "default", resource: str = "things") -> Key:
    return Key(resource, namespace, name)


def thing(**fields: Any) -> dict[str, Any]:
    return {"kind": "Thing", "metadata": {"name": "a"}, **fields}


async def test_a_write_is_read_back_with_its_revision(store: Store) -> None:
    entry = await store.put(key(), thing(n=1), expected=0)
    found = store.get(key())
    assert found is entry
    assert entry.object["metadata"]["resourceVersion"] == str(entry.revision) == str(store.revision)


async def test_revisions_only_grow(store: Store) -> None:
    revisions = [(await store.put(key(f"n{n}"), thing(), expected=0)).revision for n in range(5)]
    revisions.append((await store.remove(key("n0"), expected=None)).revision)
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize("expected", [0, 7])
async def test_a_write_over_another_state_than_expected_is_stale(store: Store, expected: int) -> None:
    entry = await store.put(key(), thing(n=1), expected=0)
    with pytest.raises(StaleError) as caught:
        await store.put(key(), thing(n=2), expected=expected)
    assert caught.value.actual == entry.revision
    assert store.get(key()) is entry


async def test_of_many_racing_writers_one_wins(store: Store) -> None:
    first = await store.put(key(), thing(), expected=0)
    racing = [store.put(key(), thing(n=n), expected=first.revision) for n in range(50)]
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    assert sum(not isinstance(outcome, StaleError) for outcome in outcomes) == 1


async def test_removing_what_is_not_there_is_stale(store: Store) -> None:
    with pytest.raises(StaleError):
        await store.remove(key(), expected=None)


async def test_lists_are_ordered_and_by_namespace(store: Store) -> None:
    for namespace, name in (("b", "x"), ("a", "z"), ("a", "y")):
        await store.put(key(name, namespace), thing(), expected=0)
    assert [(e.key.namespace, e.key.name) for e in store.entries("things")] == [
        ("a", "y"),
        ("a", "z"),
        ("b", "x"),
    ]
    assert [e.key.name for e in store.entries("things", "a")] == ["y", "z"]
    assert store.entries("others") == []


async def test_everything_is_there_after_reopening(store: Store, reopen: Reopen) -> None:
    await store.put(key("kept"), thing(n=1), expected=0)
    await store.put(key("gone"), thing(), expected=0)
    await store.remove(key("gone"), expected=None)
    newest = store.revision
    await store.close()
    again = await Store.open(reopen())
    assert [e.key.name for e in again.entries("things")] == ["kept"]
    assert again.revision == newest
    assert (await again.put(key("new"), thing(), expected=0)).revision == newest + 1
    await again.close()


async def test_a_watch_sees_each_change_once_in_order(store: Store) -> None:
    start = store.revision
    subscription = store.watch("things", start)
    await store.put(key(), thing(n=1), expected=0)
    await store.put(key(resource="others"), thing(), expected=0)
    await store.put(key(), thing(n=2), expected=None)
    await store.remove(key(), expected=None)
    seen = [await subscription.next() for _ in range(3)]
    assert [event.change for event in seen if event] == ["ADDED", "MODIFIED", "DELETED"]
    assert subscription.pending() is None
    resumed = store.watch("things", seen[0].revision if seen[0] else 0)
    assert [event.change for _ in range(2) if (event := resumed.pending())] == ["MODIFIED", "DELETED"]


async def test_a_deletion_carries_its_own_revision(store: Store) -> None:
    entry = await store.put(key(), thing(), expected=0)
    removed = await store.remove(key(), expected=entry.revision)
    assert removed.object["metadata"]["resourceVersion"] == str(entry.revision + 1)


async def test_history_is_bounded_and_says_so(store: Store) -> None:
    start = store.revision
    await asyncio.gather(*(store.put(key(f"n{n}"), thing(), expected=0) for n in range(HISTORY_EVENTS + 1)))
    with pytest.raises(CompactedError):
        store.watch("things", start)
    assert store.watch("things", start + 1).pending() is not None


async def test_a_watch_from_the_future_is_refused(store: Store) -> None:
    with pytest.raises(FutureError):
        store.watch("things", store.revision + 1)


async def test_a_slow_watcher_is_closed_and_others_go_on(store: Store) -> None:
    slow, quick = store.watch("things", store.revision), store.watch("things", store.revision)
    for n in range(QUEUE_EVENTS + 1):
        await store.put(key(f"n{n}"), thing(), expected=0)
        assert await quick.next() is not None
    assert (slow.closed, slow.slow, quick.closed) == (True, True, False)
    assert await slow.next() is None


async def test_what_is_not_json_is_refused_and_harms_nobody(store: Store) -> None:
    with pytest.raises(UnstorableError):
        await store.put(key(), thing(n={1, 2} and object()), expected=0)
    await store.put(key(), thing(n=1), expected=0)


async def test_nothing_is_accepted_after_closing(store: Store) -> None:
    await store.close()
    with pytest.raises(UnavailableError):
        await store.put(key(), thing(), expected=0)


async def test_a_full_disk_refuses_writes_keeps_reads_and_recovers() -> None:
    journal = FillableJournal()
    store = await Store.open(journal)
    entry = await store.put(key(), thing(n=1), expected=0)
    watching = store.watch("things", store.revision)
    journal.full = True
    outcomes = await asyncio.gather(
        store.put(key(), thing(n=2), expected=entry.revision),
        store.put(key("b"), thing(), expected=0),
        store.remove(key(), expected=entry.revision),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes][:2] == [UnavailableError, UnavailableError]
    assert store.get(key()) is entry
    assert watching.pending() is None
    journal.full = False
    again = await store.put(key(), thing(n=3), expected=entry.revision)
    assert again.revision == entry.revision + 1
    await store.close()


class FaultyJournal(MemoryJournal):
    """Fails as no disk does, e.g. for want of memory, and lets the test choose when."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def append(self, batch: list[Row]) -> None:
        del batch
        self.reached.set()
        self.go_on.wait(30)
        raise MemoryError


async def test_a_fault_of_the_writer_fails_all_that_wait_and_is_told() -> None:
    journal = FaultyJournal()
    store = await Store.open(journal)
    first = asyncio.create_task(store.put(key("a"), thing(), expected=0))
    await asyncio.to_thread(journal.reached.wait)
    behind = asyncio.create_task(store.put(key("b"), thing(), expected=0))
    await asyncio.sleep(0)  # let it queue up
    journal.go_on.set()
    async with asyncio.timeout(30):
        for waiting in (first, behind, store.put(key("c"), thing(), expected=0)):
            with pytest.raises(UnavailableError):
                await waiting
        with pytest.raises(BrokenError):
            await store.failed()
        assert store.get(key("a")) is None
        await store.close()


async def test_a_rollback_that_fails_too_fails_the_batch_only(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "store.db")
    store = await Store.open(journal)
    refuses = True

    def authorize(action: int, first: str | None, *_more: str | None) -> int:
        failing = action == sqlite3.SQLITE_TRANSACTION and first in ("COMMIT", "ROLLBACK")
        return sqlite3.SQLITE_DENY if refuses and failing else sqlite3.SQLITE_OK

    connection = journal._connection
    assert connection is not None
    connection.set_authorizer(authorize)
    async with asyncio.timeout(30):
        with pytest.raises(UnavailableError):
            await store.put(key(), thing(n=1), expected=0)
        refuses = False
        entry = await store.put(key(), thing(n=2), expected=0)
        assert store.get(key()) is entry
        await store.close()
    reopened = await Store.open(SqliteJournal(tmp_path / "store.db"))
    assert [entry.object["n"] for entry in reopened.entries("things")] == [2]
    await reopened.close()
