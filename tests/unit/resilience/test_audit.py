"""The audit finds what is missing, there twice, or wrong, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autostack.resilience.audit import Run, Stored, audit

SEGMENTS = ((1_700_000_000_000, 0), (1_700_003_600_000, 5))


def _run(issued: int, acknowledged: int) -> Run:
    return Run(
        tag=77, segments=SEGMENTS, issued=issued, acknowledged=acknowledged,
        rejected=0, given_up=issued - acknowledged, in_flight=0,
    )  # fmt: skip


def _bitmap(sequences: set[int], issued: int) -> bytes:
    bits = bytearray((issued + 7) // 8)
    for sequence in sequences:
        bits[sequence >> 3] |= 1 << (sequence & 7)
    return bytes(bits)


def _row(run: Run, sequence: int, result: str | None = None) -> Stored:
    return Stored(run.id_of(sequence), f"{sequence} + 1", "ok", result or str(sequence + 1))


@given(issued=st.integers(1, 60), data=st.data())
def test_missing_and_unacknowledged_rows_are_told_apart(issued: int, data: st.DataObject) -> None:
    numbers = st.sets(st.integers(0, issued - 1))
    acknowledged, stored = data.draw(numbers), data.draw(numbers)
    run = _run(issued, len(acknowledged))
    found = audit(run, _bitmap(acknowledged, issued), [_row(run, number) for number in sorted(stored)])
    assert found.acknowledged == len(acknowledged)
    assert found.stored == len(stored)
    assert found.missing == len(acknowledged - stored)
    assert found.unacknowledged == len(stored - acknowledged)
    assert found.clean == (acknowledged <= stored)


def test_a_row_that_comes_twice_is_a_duplicate() -> None:
    run = _run(3, 3)
    rows = [_row(run, number) for number in (0, 1, 1, 2)]
    found = audit(run, _bitmap({0, 1, 2}, 3), rows)
    assert (found.duplicated, found.missing) == (1, 0)
    assert found.duplicated_ids == [str(run.id_of(1))]
    assert not found.clean


def test_a_wrong_answer_is_shown() -> None:
    run = _run(2, 2)
    found = audit(run, _bitmap({0, 1}, 2), [_row(run, 0), _row(run, 1, "3")])
    assert found.wrong == 1
    assert "1 + 1" in found.wrong_answers[0]


def test_an_expression_that_cannot_be_judged_counts_against_the_proof() -> None:
    run = _run(1, 1)
    found = audit(run, _bitmap({0}, 1), [Stored(run.id_of(0), "mystery(1)", "ok", "1")])
    assert found.unknown == 1
    assert not found.clean


def test_accounts_that_do_not_add_up_are_said() -> None:
    run = Run(
        tag=1, segments=SEGMENTS, issued=10, acknowledged=3, rejected=1, given_up=1, in_flight=4,
    )  # fmt: skip
    found = audit(run, b"\0\0", [])
    assert found.unbalanced == "10 issued, 9 accounted for"
    assert not found.clean


def test_examples_are_few_and_counts_are_whole() -> None:
    run = _run(100, 100)
    found = audit(run, _bitmap(set(range(100)), 100), [])
    assert found.missing == 100
    assert len(found.missing_ids) == 20
