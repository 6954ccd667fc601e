"""The ledger adds up at every moment, and a file of it never claims too much."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from service_kit.problem_id import decode_position, format_run
from traffic_sender.errors import LedgerFileError
from traffic_sender.ledger import SEGMENT_MS, GaveUp, Ledger, acknowledged_in
from traffic_sender.ledger_file import LedgerFile, figures, read_ledger


class LedgerMachine(RuleBasedStateMachine):
    """Any order of issues and ends."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(run=7, now_ms=1_000)
        self.open: list[int] = []
        self.acknowledged: set[int] = set()
        self.changed = bytearray()

    @rule()
    def issue(self) -> None:
        self.open.append(self.ledger.issue(1_000))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), end=st.sampled_from(["acknowledge", "reject", *GaveUp]))
    def end(self, data: st.DataObject, end: str) -> None:
        sequence = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        if end == "acknowledge":
            self.ledger.acknowledge(sequence)
            self.acknowledged.add(sequence)
        elif end == "reject":
            self.ledger.reject()
        else:
            self.ledger.give_up(GaveUp(end))

    @rule()
    def snapshot(self) -> None:
        offset, changed = self.ledger.take_changed()
        self.changed.extend(bytes(max(offset - len(self.changed), 0)))
        self.changed[offset : offset + len(changed)] = changed
        assert acknowledged_in(bytes(self.changed)) == sorted(self.acknowledged)

    @invariant()
    def adds_up(self) -> None:
        now = figures(self.ledger, seed=1, final=False)
        assert now.issued == now.acknowledged + now.rejected + now.given_up + now.in_flight
        assert now.in_flight == len(self.open)
        assert acknowledged_in(self.ledger.bitmap()) == sorted(self.acknowledged)
        assert len(self.ledger.bitmap()) == (now.issued + 7) // 8


TestLedger = LedgerMachine.TestCase


@given(st.lists(st.integers(0, SEGMENT_MS * 3), min_size=1, max_size=20).map(sorted))
def test_a_problem_id_carries_run_sequence_and_a_time_at_most_an_hour_old(moments: list[int]) -> None:
    ledger = Ledger(run=123, now_ms=0)
    for now_ms in moments:
        sequence = ledger.issue(now_ms)
        position = decode_position(ledger.problem_id(sequence))
        assert (position.run, position.sequence) == (123, sequence)
        assert 0 <= now_ms - position.segment_ms < SEGMENT_MS


def test_an_old_problem_keeps_the_id_of_its_segment() -> None:
    ledger = Ledger(run=1, now_ms=0)
    first = ledger.issue(0)
    before = ledger.problem_id(first)
    ledger.issue(SEGMENT_MS)
    assert len(ledger.segments) == 2
    assert ledger.problem_id(first) == before


def test_an_hour_at_two_thousand_a_second_is_under_a_megabyte() -> None:
    ledger = Ledger(run=1, now_ms=0)
    ledger.issued = 2000 * 3600
    ledger.acknowledge(ledger.issued - 1)
    assert len(ledger.bitmap()) == 900_000


async def test_a_final_snapshot_is_read_back_complete(tmp_path: Path) -> None:
    ledger = Ledger(run=0xABC, now_ms=5)
    file = LedgerFile(tmp_path, ledger, seed=9)
    for _ in range(50_000):
        ledger.issue(5)
    for sequence in range(0, 50_000, 3):
        ledger.acknowledge(sequence)
    await file.snapshot(final=True)
    read, bitmap = read_ledger(tmp_path, format_run(0xABC))
    assert read == figures(ledger, seed=9, final=True)
    assert acknowledged_in(bitmap) == list(range(0, 50_000, 3))


async def test_a_snapshot_writes_only_what_changed_and_loses_nothing(tmp_path: Path) -> None:
    ledger = Ledger(run=1, now_ms=5)
    file = LedgerFile(tmp_path, ledger, seed=1)
    for begin in range(0, 1000, 100):
        for _ in range(100):
            ledger.issue(5)
        for sequence in range(begin + 1, begin + 100, 2):
            ledger.acknowledge(sequence)
        await file.snapshot()
        ledger.acknowledge(begin)
    await file.snapshot()
    _, bitmap = read_ledger(tmp_path, format_run(1))
    assert bitmap == ledger.bitmap().rstrip(b"\0")[: len(bitmap)].ljust(len(bitmap), b"\0")
    assert len(acknowledged_in(bitmap)) == ledger.acknowledged


async def test_a_snapshot_that_failed_is_written_by_the_next(tmp_path: Path) -> None:
    ledger = Ledger(run=1, now_ms=5)
    file = LedgerFile(tmp_path, ledger, seed=1)
    ledger.acknowledge(ledger.issue(5))
    file.bitmap_path.unlink()
    with pytest.raises(LedgerFileError, match="cannot write"):
        await file.snapshot()
    file.bitmap_path.touch()
    await asyncio.gather(file.snapshot(), file.snapshot())
    assert acknowledged_in(read_ledger(tmp_path, format_run(1))[1]) == [0]
    assert json.loads(file.figures_path.read_text())["acknowledged"] == 1


def test_a_folder_that_cannot_be_is_refused_by_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerFileError, match="LEDGER_DIR"):
        LedgerFile(tmp_path / "file" / "below", Ledger(run=1, now_ms=0), seed=1)
