"""Problem ids: what goes in comes out, they are valid UUIDs, and they sort by time."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_kit.problem_id import (
    MILLISECONDS_LIMIT,
    RUN_LIMIT,
    SEQUENCE_LIMIT,
    RunPosition,
    decode_position,
    encode_position,
    format_run,
    fresh_id,
    lowest_id,
    milliseconds_of,
    run_bounds,
)

milliseconds = st.integers(0, MILLISECONDS_LIMIT - 1)
runs = st.integers(0, RUN_LIMIT - 1)
sequences = st.integers(0, SEQUENCE_LIMIT - 1)
positions = st.builds(RunPosition, milliseconds, runs, sequences)


@given(positions)
def test_a_position_round_trips(position: RunPosition) -> None:
    encoded = encode_position(position)
    assert decode_position(encoded) == position
    assert decode_position(uuid.UUID(str(encoded))) == position


@given(positions)
def test_it_is_a_version_8_uuid_with_its_time_in_front(position: RunPosition) -> None:
    encoded = encode_position(position)
    assert (encoded.version, encoded.variant) == (8, uuid.RFC_4122)
    assert milliseconds_of(encoded) == position.segment_ms


def test_the_layout_is_the_one_of_the_contract() -> None:
    position = RunPosition(segment_ms=0x0123456789AB, run=(0xABC << 22) | 0x3FEDCB, sequence=0x0102030405)
    assert str(encode_position(position)) == "01234567-89ab-8abc-bfed-cb0102030405"


@given(milliseconds)
def test_a_fresh_id_is_version_7_and_at_or_above_the_lowest_of_its_moment(moment: int) -> None:
    fresh = fresh_id(milliseconds=moment)
    assert (fresh.version, fresh.variant) == (7, uuid.RFC_4122)
    assert milliseconds_of(fresh) == moment
    assert lowest_id(moment) < fresh
    if moment + 1 < MILLISECONDS_LIMIT:
        assert fresh < lowest_id(moment + 1)


@given(milliseconds, runs, st.tuples(sequences, sequences).map(sorted))
def test_ids_of_a_segment_sort_by_sequence_and_lie_in_its_bounds(
    segment: int, run: int, numbers: list[int]
) -> None:
    first, last = (encode_position(RunPosition(segment, run, number)) for number in numbers)
    low, high = run_bounds(run, segment)
    assert low <= first <= last <= high


@pytest.mark.parametrize("version", [1, 4, 7])
def test_another_version_carries_no_position(version: int) -> None:
    other = uuid.UUID(int=uuid.uuid4().int & ~(0xF << 76) | version << 76)
    with pytest.raises(ValueError, match="not a version 8 UUID"):
        decode_position(other)


@pytest.mark.parametrize(
    "values", [(-1, 0, 0), (MILLISECONDS_LIMIT, 0, 0), (0, RUN_LIMIT, 0), (0, 0, SEQUENCE_LIMIT)]
)
def test_what_does_not_fit_is_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be from 0 to"):
        RunPosition(*values)


def test_a_run_is_shown_with_nine_digits() -> None:
    assert format_run(0x1F) == "00000001f"
    assert len(format_run(RUN_LIMIT - 1)) == 9


def test_fresh_ids_differ() -> None:
    assert len({fresh_id() for _ in range(1000)}) == 1000
