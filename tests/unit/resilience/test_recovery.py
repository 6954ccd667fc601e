"""Time to repair, read off the readiness of a workload."""

from __future__ import annotations

from autostack.resilience.recovery import repairs
from autostack.resilience.samples import Kill, Readiness


def _looks(*looks: tuple[float, int]) -> list[Readiness]:
    return [Readiness(at_s, "worker", ready, 3) for at_s, ready in looks]


def _one(kill_s: float, *looks: tuple[float, int]) -> tuple[float | None, int]:
    (repair,) = repairs([Kill(kill_s, "pod", "worker")], _looks(*looks))
    return repair.mttr_s, repair.lowest_ready


def test_a_repair_lasts_from_the_kill_to_full_readiness() -> None:
    assert _one(10, (0, 3), (10.5, 2), (12, 3)) == (2, 2)


def test_a_hole_seen_before_its_event_is_the_same_hole() -> None:
    assert _one(10, (0, 3), (9.9, 2), (11, 3)) == (1, 2)


def test_partial_readiness_is_not_repair() -> None:
    assert _one(10, (0, 3), (10.1, 1), (11, 2)) == (None, 1)


def test_full_readiness_that_was_reported_before_the_hole_is_not_repair() -> None:
    assert _one(10, (0, 3), (10.01, 3), (10.2, 2), (11, 3)) == (1, 2)


def test_a_hole_between_two_looks_counts_as_repaired_at_the_next() -> None:
    assert _one(10, (0, 3), (16, 3)) == (6, 3)


def test_another_workload_s_holes_are_its_own() -> None:
    looks = [*_looks((0, 3), (10.5, 2), (11, 3)), Readiness(10.6, "result", 0, 2)]
    (repair,) = repairs([Kill(10, "pod", "worker")], looks)
    assert repair.mttr_s == 1
