"""What all controllers stand on: the cache that reads its own writes, the queue, metadata and hashes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.pocket.client import WatchEvent
from autostack.pocket.controllers.garbage.graph import Graph
from autostack.pocket.controllers.informer import Cache
from autostack.pocket.controllers.job.indexes import format_indexes, parse_indexes
from autostack.pocket.controllers.kinds import CONFIG_MAP
from autostack.pocket.controllers.meta import scaled, selects
from autostack.pocket.controllers.pods import fingerprint
from autostack.pocket.controllers.workqueue import WorkQueue, backoff_s
from autostack.pocket.quantities import quantity


def obj(name: str, version: int, uid: str = "", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": uid or name,
            "resourceVersion": str(version),
            **metadata,
        }
    }


KEY = ("default", "pod")


def test_our_own_write_is_seen_at_once_and_told_once() -> None:
    cache = Cache()
    cache.replace([], 10)
    assert cache.observe(obj("pod", 11)) is not None
    assert cache.get(KEY) is not None
    assert cache.follow(WatchEvent("ADDED", obj("pod", 11))) is None


def test_an_answer_that_comes_after_the_deletion_does_not_bring_the_object_back() -> None:
    cache = Cache()
    cache.replace([], 10)
    cache.follow(WatchEvent("ADDED", obj("pod", 11)))
    cache.follow(WatchEvent("DELETED", obj("pod", 12)))
    assert cache.observe(obj("pod", 11)) is None
    assert cache.get(KEY) is None


def test_an_older_event_does_not_undo_our_newer_write() -> None:
    cache = Cache()
    cache.replace([obj("pod", 10)], 10)
    cache.observe(obj("pod", 12))
    assert cache.follow(WatchEvent("MODIFIED", obj("pod", 11))) is None
    assert cache.get(KEY) == obj("pod", 12)


def test_a_new_list_removes_what_is_gone_and_keeps_what_was_written_after_it() -> None:
    cache = Cache()
    cache.replace([obj("gone", 5), obj("kept", 6)], 10)
    cache.observe(obj("fresh", 13))
    changes = cache.replace([obj("kept", 6)], 12)
    assert [(old and old["metadata"]["name"], new) for old, new in changes] == [("gone", None)]
    assert {one["metadata"]["name"] for one in cache.all()} == {"kept", "fresh"}


def test_objects_are_found_by_their_controller_and_only_while_it_is_theirs() -> None:
    cache = Cache()
    owner = [{"uid": "set", "controller": True, "kind": "ReplicaSet", "name": "set", "apiVersion": "apps/v1"}]
    cache.replace([obj("pod", 1, ownerReferences=owner)], 1)
    assert len(cache.controlled_by("set")) == 1
    cache.follow(WatchEvent("MODIFIED", obj("pod", 2)))
    assert cache.controlled_by("set") == []


async def test_a_key_is_worked_on_once_however_often_it_is_wanted() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(3):
        queue.add("a")
    assert await queue.get() == "a"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await queue.get()


async def test_a_key_wanted_during_its_work_comes_once_more_and_never_twice_at_a_time() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await queue.get()
    queue.done("a")
    assert await queue.get() == "a"


async def test_the_earlier_of_two_wishes_for_later_wins() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.01)
    queue.add_after("a", 60)
    async with asyncio.timeout(5):
        assert await queue.get() == "a"
    queue.close()


def test_backoff_doubles_up_to_a_minute() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3)] == [0.005, 0.01, 0.02]
    assert backoff_s(100) == 60


@given(st.sets(st.integers(0, 200)))
def test_completed_indexes_survive_their_text_form(indexes: set[int]) -> None:
    assert parse_indexes(format_indexes(indexes)) == indexes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("1", 1),
        ("64Mi", 64 * 2**20),
        ("1e3", 1000),
        ("2G", 2e9),
        ("1E", 1e18),
        ("100n", 1e-7),
        ("0.5", 0.5),
    ],
)
def test_quantities_are_read(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("value", "total", "up", "result"),
    [
        (3, 10, True, 3),
        ("25%", 10, True, 3),
        ("25%", 10, False, 2),
        ("100%", 7, False, 7),
        ("0%", 7, True, 0),
    ],
)
def test_int_or_percent(value: int | str, total: int, up: bool, result: int) -> None:
    assert scaled(value, total, round_up=up) == result


def test_what_is_neither_number_nor_percentage_is_an_error() -> None:
    with pytest.raises(ValueError, match="'many' is neither"):
        scaled("many", 3, round_up=True)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
    ],
)
def test_label_selectors(selector: dict[str, Any] | None, matches: bool) -> None:
    assert selects(selector, {"app": "web"}) is matches


def test_a_collision_changes_the_hash_and_the_order_of_keys_does_not() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1}, 1)
    assert set(fingerprint({"a": 1})) <= set("bcdfghjklmnpqrstvwxz2456789")


def owned(name: str, *owners: str, foreground: bool = False) -> dict[str, Any]:
    references = [{"uid": one, "blockOwnerDeletion": True} for one in owners]
    extra: dict[str, Any] = {"ownerReferences": references}
    if foreground:
        extra |= {"deletionTimestamp": "2026-11-25T12:00:00Z", "finalizers": ["foregroundDeletion"]}
    return obj(name, 1, **extra)


def test_a_dependent_blocks_its_owner_unless_it_waits_for_that_owner_itself() -> None:
    graph = Graph()
    graph.follow(CONFIG_MAP, None, owned("a", "b", foreground=True))
    graph.follow(CONFIG_MAP, None, owned("b", "a"))
    assert [one.obj["metadata"]["name"] for one in graph.blockers("a")] == ["b"]
    graph.follow(CONFIG_MAP, owned("b", "a"), owned("b", "a", foreground=True))
    assert graph.blockers("a") == []


def test_the_end_of_an_owner_concerns_its_dependents() -> None:
    graph = Graph()
    graph.follow(CONFIG_MAP, None, owned("a"))
    graph.follow(CONFIG_MAP, None, owned("b", "a"))
    assert graph.follow(CONFIG_MAP, owned("a"), None) == {"b"}
