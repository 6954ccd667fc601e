"""Numbers and drawings, as a person reads them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autostack.console.drawing import HEIGHT, WIDTH, Frame, Series, ceiling, divisions, draw
from autostack.console.units import formatted

FRAME = Frame(0, 60)


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (0.0123, "s", "12.3 ms"),
        (0.00005, "s", "50 µs"),
        (90, "s", "90 s"),
        (7200, "s", "2 h"),
        (1536, "bytes", "1.5 KiB"),
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
    series = Series("<script>", [(0, 1)])
    assert "<script>" not in draw([series], FRAME, unit="<script>", title="<script>")


def _labels(drawing: str, axis: str) -> list[str]:
    listed = re.search(rf'<ol class="{axis}">(.*?)</ol>', drawing)
    assert listed
    return re.findall(r"<li>([^<]*)</li>", listed[1])


def test_the_axis_has_the_bounds_that_the_dashboard_gives() -> None:
    low = Series("a", [(0, 0.1), (60, 0.12)])
    bounded = draw([low], Frame(0, 60, minimum=0, maximum=1), unit="percentunit", title="t")
    assert _labels(bounded, "ys") == ["100 %", "75 %", "50 %", "25 %", "0 %"]
    assert _labels(draw([low], FRAME, unit="percentunit", title="t"), "ys")[0] == "20 %"
    above = Series("a", [(0, 5.0), (60, 6.0)])
    assert _labels(draw([above], Frame(0, 60, minimum=4), unit="short", title="t"), "ys")[-1] == "4"


@pytest.mark.parametrize(
    ("span_s", "wanted"),
    [
        (300, ["−5 min", "−4 min", "−3 min", "−2 min", "−60 s", "now"]),
        (900, ["−15 min", "−10 min", "−5 min", "now"]),
        (3600, ["−1 h", "−45 min", "−30 min", "−15 min", "now"]),
        (21600, ["−6 h", "−4 h", "−2 h", "now"]),
    ],
)
def test_times_on_the_axis_are_whole(span_s: int, wanted: list[str]) -> None:
    drawing = draw([], Frame(0, span_s), unit="short", title="t")
    assert _labels(drawing, "xs") == wanted
    assert divisions(span_s) == len(wanted) - 1


def test_the_drawing_says_in_words_what_it_shows() -> None:
    drawing = draw([Series("P95", [(60, 0.25)])], FRAME, unit="s", title="Latency")
    assert 'aria-label="Latency: P95 250 ms now"' in drawing


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_every_point_lies_inside_the_frame(values: list[float]) -> None:
    points = [(float(at), value) for at, value in enumerate(values)]
    drawing = draw([Series("a", points)], FRAME, unit="short", title="t")
    for path in re.findall(r'class="series c0" d="M([^"]+)"', drawing):
        for pair in path.split("L"):
            x, y = map(float, pair.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_above_its_values_and_not_far(value: float) -> None:
    assert value * 0.99999 <= ceiling(value) <= value * 2
