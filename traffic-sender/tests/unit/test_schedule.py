"""The open loop is exact whatever the clock does between two looks."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_sender.profiles import Constant, Profile, Ramp, Sine, Spike, Step
from traffic_sender.schedule import Schedule

PROFILES: list[Profile] = [
    Constant(tps=2000),
    Constant(tps=0.7),
    Constant(tps=0),
    Step(profile="step", tps=10, step_tps=33.3, every_s=0.25, until_tps=180),
    Ramp(profile="ramp", tps=300, to_tps=0, over_s=2),
    Sine(profile="sine", tps=250, amplitude_tps=250, period_s=0.9),
    Spike(profile="spike", tps=3, spike_tps=900, every_s=1, for_s=0.2),
]
any_profile = st.sampled_from(PROFILES)
looks = st.lists(st.floats(0, 3), min_size=1, max_size=30).map(sorted)


def take_all(schedule: Schedule, now_s: float, *, limit: int) -> list[float]:
    taken: list[float] = []
    while due := schedule.take(now_s, limit=limit):
        taken += due
    return taken


@given(any_profile, looks, st.integers(1, 500), st.floats(0, 1e6))
def test_the_same_arrivals_are_due_however_the_clock_is_looked_at(
    profile: Profile, moments: list[float], limit: int, began_s: float
) -> None:
    often = Schedule(profile, began_s=began_s)
    once = Schedule(profile, began_s=began_s)
    taken = [due for moment in moments for due in take_all(often, began_s + moment, limit=limit)]
    assert taken == take_all(once, began_s + moments[-1], limit=10_000)
    assert all(later >= earlier for earlier, later in pairwise(taken))


@given(any_profile, st.floats(0.01, 5))
def test_the_number_of_arrivals_is_the_integral_of_the_rate(profile: Profile, until_s: float) -> None:
    taken = take_all(Schedule(profile, began_s=0), until_s, limit=1000)
    assert abs(len(taken) - math.floor(profile.expected(until_s) + 1e-9)) <= (
        0 if abs(profile.expected(until_s) % 1 - 0.5) < 0.49 else 1  # a float may fall on either side
    )


def test_two_thousand_a_second_are_half_a_millisecond_apart() -> None:
    taken = take_all(Schedule(Constant(tps=2000), began_s=100), 110, limit=200)
    assert len(taken) == 20_000
    assert max(abs(due - (100 + (number + 1) / 2000)) for number, due in enumerate(taken)) < 1e-9


@given(st.lists(st.tuples(any_profile, st.floats(0.001, 0.7)), min_size=1, max_size=12))
def test_changing_the_load_neither_adds_nor_loses_arrivals(changes: list[tuple[Profile, float]]) -> None:
    now_s, expected, taken = 50.0, 0.0, 0
    schedule = Schedule(Constant(tps=0), began_s=now_s)
    for profile, length_s in changes:
        schedule = schedule.changed(profile, now_s=now_s)
        now_s += length_s
        expected += profile.expected(length_s)
        taken += len(take_all(schedule, now_s, limit=100))
    assert abs(taken - expected) < 1 + 1e-6


def test_what_is_due_and_untaken_stays_due_over_a_change() -> None:
    schedule = Schedule(Constant(tps=100), began_s=0)
    assert len(schedule.take(1.0, limit=10)) == 10
    changed = schedule.changed(Constant(tps=0), now_s=1.0)
    assert len(take_all(changed, 1.0, limit=1000)) == 90


def test_nothing_arrives_after_the_end() -> None:
    schedule = Schedule(Constant(tps=10), began_s=0, ends_s=1.0)
    assert len(take_all(schedule, 7.0, limit=100)) == 10
    assert schedule.next_s == math.inf
    assert schedule.rate(7.0) == 0


@pytest.mark.parametrize("profile", [Constant(tps=0), Ramp(profile="ramp", tps=0, to_tps=0, over_s=1)])
def test_a_load_of_zero_pauses(profile: Profile) -> None:
    schedule = Schedule(profile, began_s=0)
    assert schedule.next_s == math.inf
    assert schedule.take(1e6, limit=10) == []
