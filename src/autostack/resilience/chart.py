"""One curve over time as SVG: a line, marks where pods were killed, the attack as a shaded band. Pure.

Colours are CSS variables of the page, so one drawing serves light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 20, 30


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line with a word to it."""

    at_s: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw; a None in the values is a gap."""

    title: str
    unit: str
    values: Sequence[tuple[float, float | None]]
    marks: Sequence[Mark]
    band: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Scales:
    """From seconds and values to places in the drawing."""

    first: float
    last: float
    top: float

    def x(self, at_s: float) -> float:
        return _LEFT + (at_s - self.first) / (self.last - self.first) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - value / self.top * (HEIGHT - _TOP - _BOTTOM)


def draw(chart: Chart) -> str:
    """The SVG element."""
    first, last = _span(chart)
    top = nice_ceiling(max((value for _, value in chart.values if value is not None), default=1.0))
    scales = _Scales(first, last, top)
    return "".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">',
            *_background(chart, scales),
            *(_kill(mark, scales.x(mark.at_s)) for mark in chart.marks),
            *(f'<path class="curve" d="{path}"/>' for path in _paths(chart, scales)),
            f'<text class="unit" x="{_LEFT}" y="{_TOP - 3}">{escape(chart.unit)}</text></svg>',
        ]
    )


def _background(chart: Chart, scales: _Scales) -> Iterator[str]:
    left, right = (scales.x(at_s) for at_s in chart.band)
    height = HEIGHT - _TOP - _BOTTOM
    yield f'<rect class="band" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{height}"/>'
    for quarter in range(5):
        value = scales.top * quarter / 4
        y = scales.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    for at_s in _ticks(scales.first, scales.last):
        x = scales.x(at_s)
        yield f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{at_s:g} s</text>'


def _kill(mark: Mark, x: float) -> str:
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>'
    dot = f'<circle cx="{x:.1f}" cy="{_TOP}" r="4"/>'
    return f'<g class="kill"><title>{escape(mark.label)}</title>{line}{dot}</g>'


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 4, 5, 10 times a power of ten, so that quarter lines are round numbers."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 2.5, 4, 5, 10) if step * power >= value * 0.999999))


def _span(chart: Chart) -> tuple[float, float]:
    times = [at_s for at_s, _ in chart.values] + [mark.at_s for mark in chart.marks] + list(chart.band)
    first, last = min(times, default=0.0), max(times, default=1.0)
    return first, max(last, first + 1.0)


def _ticks(first: float, last: float) -> list[float]:
    step = nice_ceiling((last - first) / 8)
    return [step * number for number in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _paths(chart: Chart, scales: _Scales) -> list[str]:
    paths: list[list[str]] = [[]]
    for at_s, value in chart.values:
        if value is None:
            paths.append([])
        else:
            paths[-1].append(f"{scales.x(at_s):.1f},{scales.y(value):.1f}")
    return ["M" + "L".join(points) for points in paths if points]
