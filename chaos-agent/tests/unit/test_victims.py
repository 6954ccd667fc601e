"""How many pods an attack takes, and that it takes only running ones."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from chaos_agent.targets import KillMode, Target
from chaos_agent.victims import choose, kill_count
from hypothesis import given
from hypothesis import strategies as st


def _target(mode: KillMode, value: int) -> Target:
    return Target("Deployment", "n", "w", "u", "worker", 60, mode, value)


def _pod(name: str, *, phase: str = "Running", going: bool = False) -> dict[str, Any]:
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {})}
    return {"metadata": metadata, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("mode", "value", "running", "wanted"),
    [
        (KillMode.FIXED, 1, 3, 1),
        (KillMode.FIXED, 5, 3, 3),
        (KillMode.FIXED, 1, 0, 0),
        (KillMode.FIXED_PERCENT, 50, 3, 1),
        (KillMode.FIXED_PERCENT, 10, 3, 0),
        (KillMode.FIXED_PERCENT, 100, 3, 3),
        (KillMode.KILL_ALL, 0, 3, 3),
    ],
)
def test_the_mode_says_how_many(mode: KillMode, value: int, running: int, wanted: int) -> None:
    assert kill_count(mode, value, running, Random(1)) == wanted


@given(value=st.integers(1, 100), running=st.integers(0, 50), seed=st.integers())
def test_a_random_share_stays_below_its_maximum(value: int, running: int, seed: int) -> None:
    count = kill_count(KillMode.RANDOM_MAX_PERCENT, value, running, Random(seed))
    assert 0 <= count <= running * value / 100


def test_pods_that_are_going_or_not_running_are_spared() -> None:
    pods = [_pod("a"), _pod("b", going=True), _pod("c", phase="Pending"), _pod("d", phase="Succeeded")]
    assert choose(_target(KillMode.KILL_ALL, 0), pods, Random(1)) == ["a"]


def test_the_same_seed_chooses_the_same_victims() -> None:
    pods = [_pod(name) for name in "abcdefgh"]
    target = _target(KillMode.FIXED, 3)
    assert choose(target, pods, Random(7)) == choose(target, pods[::-1], Random(7))
    assert choose(target, pods, Random(7)) != choose(target, pods, Random(8))
