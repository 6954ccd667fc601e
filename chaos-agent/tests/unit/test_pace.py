"""Attacks come at the mean rate that the label says, whatever happens to the agent meanwhile."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from chaos_agent.pace import Pace
from chaos_agent.targets import KillMode, Target

TARGET = Target("Deployment", "n", "w", "uid-1", "worker", 60, KillMode.FIXED, 1)


def test_over_a_long_time_the_mean_between_attacks_is_the_label_s() -> None:
    pace, now, attacks = Pace(Random(42)), 0.0, 0
    for _ in range(60_000):
        pace.see([TARGET], now)
        attacks += len(pace.due(now))
        now += 1
    assert attacks == pytest.approx(1000, rel=0.1)


def test_a_target_keeps_its_appointment_while_it_stays() -> None:
    pace = Pace(Random(1))
    pace.see([TARGET], 0)
    before = pace.appointments[0].due_s
    pace.see([replace(TARGET, value=2)], 5)
    assert pace.appointments[0].due_s == before
    assert pace.appointments[0].target.value == 2


def test_a_changed_mean_is_a_new_appointment_and_a_vanished_target_none() -> None:
    pace = Pace(Random(1))
    pace.see([TARGET], 0)
    before = pace.appointments[0].due_s
    pace.see([replace(TARGET, mtbf_s=1e6)], 0)
    assert pace.appointments[0].due_s != before
    pace.see([], 0)
    assert pace.appointments == []
    assert pace.due(1e12) == []


def test_an_attack_is_due_once() -> None:
    pace = Pace(Random(1))
    pace.see([TARGET], 0)
    when = pace.appointments[0].due_s
    assert pace.due(when - 0.001) == []
    assert pace.due(when) == [TARGET]
    assert pace.due(when) == []
