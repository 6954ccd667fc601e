"""Backoff doubles, is bounded, and never waits nothing."""

from hypothesis import given
from hypothesis import strategies as st
from worker_node.store.backoff import FIRST_S, LARGEST_S, backoff_s


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_it_lies_between_half_and_all_of_its_ceiling(attempt: int, random: float) -> None:
    assert FIRST_S / 2 <= backoff_s(attempt, random) <= LARGEST_S


def test_it_doubles() -> None:
    assert [backoff_s(attempt, 0.0) for attempt in (1, 2, 3)] == [0.025, 0.05, 0.1]
    assert backoff_s(50, 0.0) == LARGEST_S / 2
