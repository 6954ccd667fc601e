"""Waiting runs that become one: nothing of the older ones is forgotten, whenever the runner is killed."""

from __future__ import annotations

from autostack.pipeline.runs import Run, covering

FIRST, SECOND, THIRD = (Run(number, f"head{number}", base=f"base{number}") for number in (1, 2, 3))


def test_the_newest_stands_for_all_from_the_oldest_base() -> None:
    found = covering([FIRST, SECOND, THIRD])
    assert (found.number, found.head, found.base, found.covers) == (3, "head3", "base1", (1, 2))


def test_a_runner_killed_between_the_cover_and_the_closing_changes_nothing() -> None:
    covered = covering([FIRST, SECOND, THIRD])
    for left in ([FIRST, SECOND, covered], [SECOND, covered], [covered]):
        assert covering(left) == covered


def test_a_push_after_such_a_kill_takes_over_what_was_covered() -> None:
    covered = covering([FIRST, SECOND])
    found = covering([covered, THIRD])
    assert (found.number, found.base, found.covers) == (3, "base1", (1, 2))
    fourth = Run(4, "head4", base="base4")
    found = covering([SECOND, covering([FIRST, SECOND, THIRD]), fourth])
    assert (found.base, found.covers) == ("base1", (1, 2, 3))
