"""Partitions as arithmetic: bounds, ranges, and which may be dropped."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_kit.problem_id import lowest_id
from worker_node.partitions import (
    HOUR_MS,
    HOURS_BEHIND,
    Partition,
    merge_ranges,
    partitions_to_drop,
    read_bounds,
)

NOW = 500_000 * HOUR_MS + 1234


def hour(ago: int, *, size: int = 100, detaching: bool = False) -> Partition:
    start = (NOW // HOUR_MS - ago) * HOUR_MS
    return Partition(f"results_{ago}", start, start + HOUR_MS, size, detaching)


def test_bounds_are_read_from_postgresqls_own_words() -> None:
    text = f"FOR VALUES FROM ('{lowest_id(NOW)}') TO ('{lowest_id(NOW + HOUR_MS)}')"
    assert read_bounds(text) == (NOW, NOW + HOUR_MS)
    with pytest.raises(ValueError, match="not the bounds of a partition by id: DEFAULT"):
        read_bounds("DEFAULT")


@given(st.sets(st.integers(0, 40)))
def test_ranges_cover_exactly_the_hours_there_are(hours: set[int]) -> None:
    ranges = merge_ranges(hour(ago) for ago in hours)
    assert ranges == sorted(ranges, reverse=True)
    for ago in range(41):
        start = hour(ago).from_ms
        assert any(first <= start < end for first, end in ranges) == (ago in hours)
    for (later_first, _), (_, earlier_end) in pairwise(ranges):
        assert earlier_end < later_first


def test_a_partition_being_detached_takes_no_rows() -> None:
    assert merge_ranges([hour(1), hour(2, detaching=True)]) == [(hour(1).from_ms, hour(1).to_ms)]


def test_old_partitions_are_dropped_oldest_first() -> None:
    partitions = [hour(ago) for ago in (0, 30, 10, 24, 25, -3)]
    dropped = partitions_to_drop(partitions, now_ms=NOW, keep_hours=24, keep_bytes=0)
    assert [partition.name for partition in dropped] == ["results_30", "results_25"]


def test_beyond_the_size_the_oldest_are_dropped_until_it_fits() -> None:
    partitions = [hour(ago) for ago in range(10)]
    dropped = partitions_to_drop(partitions, now_ms=NOW, keep_hours=1000, keep_bytes=750)
    assert [partition.name for partition in dropped] == ["results_9", "results_8", "results_7"]


def test_what_a_retry_could_still_write_to_is_never_dropped() -> None:
    partitions = [hour(ago) for ago in range(-2, 8)]
    dropped = partitions_to_drop(partitions, now_ms=NOW, keep_hours=3, keep_bytes=1)
    assert min(partition.to_ms for partition in dropped) <= NOW
    assert all(partition.to_ms <= (NOW // HOUR_MS - HOURS_BEHIND) * HOUR_MS for partition in dropped)
    assert {partition.name for partition in dropped} == {"results_7", "results_6", "results_5", "results_4"}


def test_an_interrupted_detach_is_finished() -> None:
    partitions = [hour(5, detaching=True), hour(6)]
    dropped = partitions_to_drop(partitions, now_ms=NOW, keep_hours=100, keep_bytes=0)
    assert [partition.name for partition in dropped] == ["results_5"]
