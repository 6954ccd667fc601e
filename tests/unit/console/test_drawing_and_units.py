"""Numbers and drawings, as a person reads them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.console.drawing import Frame, Series, ceiling, draw
from autostack.console.units import formatted

FRAME = Frame(0, 60, 600, 200)


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (0.0123, "s", "12.3 ms"),
        (0.00005, "s", "50 µs"),
        (90, "s", "90 s"),
        (7200, "s", "2 h"),
        (1536, "bytes", "1.50 KiB"),
        (0.25, "percentunit", "25 %"),
        (1234, "short", "1.23k"),
        (12, "reqps", "12 req/s"),
        (3, "widgets", "3 widgets"),
        (math.nan, "s", "–"),
        (0, "short", "0"),
    ],
)
def test_a_value_reads_with_its_unit(value: float, unit: str, wanted: str) -> None:
    assert formatted(value, unit) == wanted


def test_a_gap_breaks_the_line() -> None:
    series = Series("a", [(0, 1), (10, 2), (20, math.nan), (30, 3)])
    assert draw([series], FRAME, unit="short", title="t").count('class="series c0"') == 2


def test_foreign_text_is_escaped() -> None:
    assert "<script>" not in draw([], FRAME, unit="<script>", title="<script>")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_every_point_lies_inside_the_frame(values: list[float]) -> None:
    points = [(float(at), value) for at, value in enumerate(values)]
    drawing = draw([Series("a", points)], FRAME, unit="short", title="t")
    for path in re.findall(r'class="series c0" d="M([^"]+)"', drawing):
        for pair in path.split("L"):
            x, y = map(float, pair.split(","))
            assert 0 <= x <= FRAME.width
            assert 0 <= y <= FRAME.height


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_above_its_values_and_not_far(value: float) -> None:
    assert value * 0.99999 <= ceiling(value) <= value * 2.5
