"""What decides without I/O: percentiles, cursors, chart geometry, paths that stay on this site."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from result_node.charts import nice_ticks, short_number, short_seconds, stacked_bars
from result_node.errors import CursorError
from result_node.pages.theme import own_path
from result_node.percentiles import BOUNDS_S, BUCKETS, percentile_s
from result_node.positions import (
    CommitPosition,
    IdPosition,
    Position,
    TimePosition,
    decode_cursor,
    encode_cursor,
)
from result_node.statistics import WINDOWS, arrange

NOW = datetime(2026, 1, 31, 12, 34, 56, tzinfo=UTC)

positions = st.one_of(
    st.builds(
        TimePosition,
        st.datetimes(
            min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
            max_value=datetime(2999, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
            timezones=st.just(UTC),
        ),
        st.uuids(),
    ),
    st.builds(IdPosition, st.uuids()),
    st.builds(CommitPosition, st.integers(0, (1 << 63) - 1), st.uuids()),
)


@given(positions, st.text("0123456789abcdef", max_size=12))
def test_a_cursor_brings_back_its_position(position: Position, digest: str) -> None:
    assert decode_cursor(encode_cursor(position, digest), digest) == position


@given(st.text(max_size=60))
def test_any_other_text_is_refused_in_order(text: str) -> None:
    with pytest.raises(CursorError):
        decode_cursor(text)


def test_a_cursor_of_another_question_is_refused() -> None:
    with pytest.raises(CursorError, match="other filters"):
        decode_cursor(encode_cursor(IdPosition(uuid.UUID(int=1)), "one"), "two")


@given(
    st.lists(st.integers(0, 1000), min_size=BUCKETS, max_size=BUCKETS).filter(any),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_percentiles_never_fall_and_stay_in_bounds(counts: list[int], first: float, second: float) -> None:
    low, high = sorted((first, second))
    below, above = percentile_s(counts, low), percentile_s(counts, high)
    assert below is not None
    assert above is not None
    assert 0 <= below <= above <= BOUNDS_S[-1]


def test_a_percentile_lies_in_its_bucket() -> None:
    counts = [0] * BUCKETS
    counts[2] = 10  # 2 ms to 5 ms
    assert percentile_s(counts, 0.5) == pytest.approx(0.0035)
    assert percentile_s([0] * BUCKETS, 0.5) is None


@given(st.floats(0.001, 1e9))
def test_ticks_are_few_and_reach_the_top(top: float) -> None:
    ticks = nice_ticks(top)
    assert ticks[0] == 0
    assert ticks[-1] >= top * (1 - 1e-9)
    assert 2 <= len(ticks) <= 6


def test_bars_are_stacked_without_overlap() -> None:
    chart = stacked_bars(["a", "b"], [[3.0, 1.0]], moments=[NOW])
    (lower,), (upper,) = (series.bars for series in chart.series)
    assert upper.y + upper.height == pytest.approx(lower.y)
    assert lower.y + lower.height == pytest.approx(160)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.8, "0.8"),
        (0.25, "0.25"),
        (0.004, "0"),
        (950, "950"),
        (1234, "1.2k"),
        (3.4e6, "3.4M"),
        (999.9, "1k"),
    ],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert short_number(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.00085, "850 µs"), (0.0032, "3.2 ms"), (0.25, "250 ms"), (1.5, "1.5 s")],
)
def test_durations_are_said_as_people_do(seconds: float | None, text: str) -> None:
    assert short_seconds(seconds) == text


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_without_answers_has_every_step(window: str) -> None:
    statistics = arrange({}, window, now=NOW)  # type: ignore[arg-type]  # parametrize knows no literals
    length, step = next(value for name, value in WINDOWS.items() if name == window)
    assert len(statistics.steps) == length // step
    assert all(
        b.start - a.start == step for a, b in zip(statistics.steps, statistics.steps[1:], strict=False)
    )
    assert statistics.steps[-1].start <= NOW < statistics.steps[-1].start + step
    assert timedelta(seconds=statistics.steps[-1].seconds) == NOW - statistics.steps[-1].start


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/results?a=1", "/results?a=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ],
)
def test_a_way_back_stays_on_this_site(text: str, path: str) -> None:
    assert own_path(text) == path
