"""A time series panel as SVG. Pure.

Colours are classes of the style sheet, so one drawing serves light and dark; the legend is HTML beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from autostack.console.units import formatted

COLOURS = 8
_NARROW = 420  # here five times of day would run into each other
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 10, 24


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, and (Unix seconds, value) in order; NaN is a gap."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest value, NaN when there is none."""
        return self.points[-1][1] if self.points else math.nan


@dataclass(frozen=True, slots=True)
class Frame:
    """The window of time and the size in units of the drawing."""

    start_s: float
    end_s: float
    width: int
    height: int


def draw(series: Sequence[Series], frame: Frame, *, unit: str, title: str) -> str:
    """The SVG element."""
    values = [value for one in series for _, value in one.points if not math.isnan(value)]
    top = ceiling(max(values, default=1.0))
    bottom = -ceiling(-min(values)) if values and min(values) < 0 else 0.0
    place = _Place(frame, bottom, top if top > bottom else bottom + 1)
    lines = [
        f'<path class="series c{index % COLOURS}" d="{path}"/>'
        for index, one in enumerate(series)
        for path in place.paths(one)
    ]
    return (
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{escape(title)}">'
        + "".join([*_axes(place, unit), *lines])
        + "</svg>"
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """From time and value to a place in the drawing."""

    frame: Frame
    bottom: float
    top: float

    def x(self, at_s: float) -> float:
        width = self.frame.width - _LEFT - _RIGHT
        return _LEFT + (at_s - self.frame.start_s) / (self.frame.end_s - self.frame.start_s) * width

    def y(self, value: float) -> float:
        height = self.frame.height - _TOP - _BOTTOM
        return self.frame.height - _BOTTOM - (value - self.bottom) / (self.top - self.bottom) * height

    def paths(self, series: Series) -> list[str]:
        """The line, in pieces between gaps."""
        pieces: list[list[str]] = [[]]
        for at_s, value in series.points:
            if math.isnan(value):
                pieces.append([])
            else:
                pieces[-1].append(f"{self.x(at_s):.1f},{self.y(value):.1f}")
        return ["M" + "L".join(piece) for piece in pieces if piece]


def ceiling(value: float) -> float:
    """The next of 1, 2, 4, 5, 10 times a power of ten, whose quarters are round."""
    if value <= 0 or math.isinf(value):
        return 1.0 if value <= 0 else value
    power = 10.0 ** math.floor(math.log10(value))
    steps = (step * power for step in (1, 2, 4, 5, 10) if step * power >= value * 0.999999)
    return float(next(steps, value))  # the smallest numbers there are have no round one above them


def _axes(place: _Place, unit: str) -> list[str]:
    frame = place.frame
    parts: list[str] = []
    for quarter in range(5):
        value = place.bottom + (place.top - place.bottom) * quarter / 4
        y = place.y(value)
        label = escape(formatted(value, unit))
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{frame.width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    span = frame.end_s - frame.start_s
    for quarter, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
        if quarter % 2 and frame.width < _NARROW:
            continue
        ago_s = span * (4 - quarter) / 4
        label = f"−{formatted(ago_s, 's')}" if ago_s else "now"
        x, y = place.x(frame.end_s - ago_s), frame.height - 6
        parts.append(f'<text class="tick" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{label}</text>')
    return parts
