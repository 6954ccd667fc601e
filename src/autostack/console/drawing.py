"""A time series panel: lines as SVG that stretches to its place, axes as text beside it. Pure.

Text inside a stretched SVG would stretch with it, and be unreadable on a phone; so the labels are HTML in the
page's own size, and lines keep their width by `vector-effect`. Colours are classes of the style sheet: one
drawing serves light and dark. The content security policy allows no style attributes, and none is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from autostack.console.units import formatted

COLOURS = 8
WIDTH, HEIGHT = 1000, 240
_QUARTERS = 4


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
    """The window of time, and the bounds of the values where the dashboard gives them."""

    start_s: float
    end_s: float
    minimum: float | None = None
    maximum: float | None = None


def draw(series: Sequence[Series], frame: Frame, *, unit: str, title: str) -> str:
    """The figure: labels, grid and lines."""
    place = _placed(series, frame)
    steps = divisions(frame.end_s - frame.start_s)
    lines = "".join(
        f'<path class="series c{index % COLOURS}" d="{path}"/>'
        for index, one in enumerate(series)
        for path in place.paths(one)
    )
    return (
        f'<div class="plot" role="img" aria-label="{escape(_told(series, unit, title))}">'
        f'<ol class="ys">{_labels(_values(place, unit))}</ol>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f"{_grid(steps)}{lines}</svg>"
        f'<ol class="xs">{_labels(_times(frame, steps))}</ol></div>'
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """From time and value to a place in the drawing."""

    frame: Frame
    bottom: float
    top: float

    def x(self, at_s: float) -> float:
        return (at_s - self.frame.start_s) / (self.frame.end_s - self.frame.start_s) * WIDTH

    def y(self, value: float) -> float:
        return HEIGHT - (value - self.bottom) / (self.top - self.bottom) * HEIGHT

    def paths(self, series: Series) -> list[str]:
        """The line, in pieces between gaps; a lone point is a short dash."""
        pieces: list[list[str]] = [[]]
        for at_s, value in series.points:
            if math.isnan(value):
                pieces.append([])
            else:
                pieces[-1].append(f"{self.x(at_s):.1f},{self.y(value):.1f}")
        return ["M" + "L".join(piece if len(piece) > 1 else piece * 2) for piece in pieces if piece]


def _placed(series: Sequence[Series], frame: Frame) -> _Place:
    """The bounds that the dashboard gives, else round ones around zero and the values."""
    values = [value for one in series for _, value in one.points if not math.isnan(value)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    bottom = frame.minimum if frame.minimum is not None else -ceiling(-low) if low < 0 else 0.0
    top = frame.maximum if frame.maximum is not None else bottom + ceiling(high - bottom)
    return _Place(frame, bottom, top if top > bottom else bottom + 1)


def ceiling(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10 times a power of ten, whose quarters are short numbers."""
    if value <= 0 or math.isinf(value):
        return 1.0 if value <= 0 else value
    power = 10.0 ** math.floor(math.log10(value))
    steps = (step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999999)
    return float(next(steps, value))  # the smallest numbers there are have no round one above them


def divisions(span_s: float) -> int:
    """In how many parts the time axis is labelled: such that a label is a whole number of its unit."""
    unit_s = 3600 if span_s >= 7200 else 60 if span_s >= 120 else 1
    return next((parts for parts in (4, 3, 5) if span_s / parts % unit_s == 0), 4)


def _values(place: _Place, unit: str) -> list[str]:
    span = place.top - place.bottom
    return [formatted(place.bottom + span * part / _QUARTERS, unit) for part in range(_QUARTERS, -1, -1)]


def _times(frame: Frame, steps: int) -> list[str]:
    span = frame.end_s - frame.start_s
    return [*(f"−{formatted(span * part / steps, 's')}" for part in range(steps, 0, -1)), "now"]


def _labels(texts: Sequence[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


def _grid(steps: int) -> str:
    levels = (HEIGHT * part / _QUARTERS for part in range(_QUARTERS + 1))
    moments = (WIDTH * part / steps for part in range(1, steps))
    return "".join(f'<path class="grid" d="M0,{y:.1f}H{WIDTH}"/>' for y in levels) + "".join(
        f'<path class="grid faint" d="M{x:.1f},0V{HEIGHT}"/>' for x in moments
    )


def _told(series: Sequence[Series], unit: str, title: str) -> str:
    """The drawing in words, for those who do not see it."""
    return f"{title}: " + ", ".join(f"{one.name} {formatted(one.last, unit)} now" for one in series[:COLOURS])
