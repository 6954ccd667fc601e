"""Charts as geometry: numbers in, marks and ticks out; the templates draw them as SVG.

Marks are in a plot of WIDTH × HEIGHT units that the page stretches to its width; labels are given by
their place in percent, so that they are never stretched. So one drawing serves every screen, without a
script.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH = 1000.0
HEIGHT = 160.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A label and where it stands, in percent from the left or from the top."""

    label: str
    percent: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of one series."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series' name and its marks: bars, or the path of a line."""

    name: str
    bars: tuple[Bar, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template draws."""

    series: tuple[Series, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]


def stacked_bars(
    names: Sequence[str], columns: Sequence[Sequence[float]], *, moments: Sequence[datetime]
) -> Chart:
    """A column a moment, one value a name, stacked in the order of names."""
    ticks = nice_ticks(max((sum(column) for column in columns), default=0.0))
    top = ticks[-1]
    step = WIDTH / max(len(columns), 1)
    gap = min(step * 0.2, 2.0)
    bars: list[list[Bar]] = [[] for _ in names]
    for index, column in enumerate(columns):
        base = 0.0
        for series, value in zip(bars, column, strict=True):
            height = value / top * HEIGHT
            if height:
                y = HEIGHT - base - height
                series.append(Bar(_r(index * step), _r(y), _r(step - gap), _r(height)))
            base += height
    return Chart(
        series=tuple(Series(name, tuple(of)) for name, of in zip(names, bars, strict=True)),
        y_ticks=tuple(Tick(short_number(value), _r(100 - value / top * 100)) for value in ticks),
        x_ticks=time_ticks(moments),
    )


def log_lines(
    lines: Sequence[tuple[str, Sequence[float | None]]],
    *,
    moments: Sequence[datetime],
    decades: tuple[int, int],
) -> Chart:
    """Lines of seconds on a logarithmic scale from 10**decades[0] to 10**decades[1]; a line breaks where
    a value is missing.
    """
    low, high = decades
    step = WIDTH / max(len(moments), 1)

    def y(value: float) -> float:
        place = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return HEIGHT - min(place, 1.0) * HEIGHT

    def path(values: Iterable[float | None]) -> str:
        parts: list[str] = []
        pen_down = False
        for index, value in enumerate(values):
            if value is not None:
                parts.append(f"{'L' if pen_down else 'M'}{_r((index + 0.5) * step):g} {_r(y(value)):g}")
                if not pen_down:
                    parts.append("h0.01")  # a lone point is drawn as a dot by its round cap
            pen_down = value is not None
        return "".join(parts)

    return Chart(
        series=tuple(Series(name, path=path(values)) for name, values in lines),
        y_ticks=tuple(
            Tick(short_seconds(10.0**power), _r(100 - (power - low) / (high - low) * 100))
            for power in range(low, high + 1)
        ),
        x_ticks=time_ticks(moments),
    )


def nice_ticks(top: float) -> list[float]:
    """0 and three to five round steps up to at least `top`."""
    if top <= 0:
        return [0.0, 1.0]
    magnitude = 10.0 ** math.floor(math.log10(top / 4))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude * 4 >= top)
    return [step * n for n in range(math.ceil(top / step - 1e-9) + 1)]


def time_ticks(moments: Sequence[datetime]) -> tuple[Tick, ...]:
    """Four or so labels; each stands at the middle of its moment's column."""
    if not moments:
        return ()
    every = max(len(moments) // 4, 1)
    return tuple(
        Tick(f"{moment:%H:%M}", _r((index + 0.5) / len(moments) * 100))
        for index, moment in enumerate(moments)
        if index % every == every // 2
    )


def short_number(value: float) -> str:
    """A number in at most four characters and a unit: 950, 1.2k, 3.4M."""
    for limit, divisor, unit in ((1e3, 1.0, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M"), (1e12, 1e9, "G")):
        if abs(value) < limit * 0.9995:
            scaled = value / divisor
            if 0.005 <= abs(scaled) < 0.995:
                return f"{scaled:.2f}".rstrip("0") + unit
            whole = scaled >= 100 or abs(scaled - round(scaled)) < 0.05
            return f"{scaled:.{0 if whole else 1}f}{unit}"
    return f"{value:.1e}"


def short_seconds(value: float | None) -> str:
    """A duration as a person says it: 850 µs, 3.2 ms, 1.5 s; a dash when there is none."""
    if value is None:
        return "–"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (math.inf, 1.0, "s")):
        if value < limit * 0.9995:
            scaled = value * factor
            digits = 0 if scaled >= 100 or abs(scaled - round(scaled)) < 0.05 else 1
            return f"{scaled:.{digits}f} {unit}"
    raise ValueError("not a number")


def _r(value: float) -> float:
    return round(value, 2)
