"""Numbers as people read them, by Grafana's unit names. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

_DECIMAL = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((1024.0**4, "TiB"), (1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"))


def formatted(value: float, unit: str) -> str:
    """A value with its unit; an unknown unit is written behind the number."""
    if value != value:  # noqa: PLR0124 - NaN is unequal to itself
        return "–"
    known = _FORMS.get(unit)
    return known(value) if known else f"{_short(value)} {unit}"


def age(then: str | datetime | None, now: datetime) -> str:
    """How long ago, as kubectl writes it; empty when it is not known."""
    if not then:
        return ""
    moment = datetime.fromisoformat(then) if isinstance(then, str) else then
    seconds = int((now - moment).total_seconds())
    if seconds < 120:
        return f"{max(0, seconds)}s"
    if seconds < 7200:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 172800 else f"{seconds // 86400}d"


def _digits(value: float) -> str:
    value = round(value, 9)  # 0.075 s are 75 ms, not 75.00000000000001
    magnitude = abs(value)
    places = 0 if magnitude >= 100 or value == int(value) else 1 if magnitude >= 10 else 2
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def _short(value: float) -> str:
    for size, letter in _DECIMAL:
        if abs(value) >= size:
            return _digits(value / size) + letter
    return _digits(value) if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"


def _bytes(value: float) -> str:
    for size, name in _BINARY:
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}"
    return f"{_digits(value)} B"


def _seconds(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 86400:
        return f"{_digits(value / 86400)} d"
    if magnitude >= 3600:
        return f"{_digits(value / 3600)} h"
    if magnitude >= 120:
        return f"{_digits(value / 60)} min"
    if magnitude >= 1 or value == 0:
        return f"{_digits(value)} s"
    return f"{_digits(value * 1e3)} ms" if magnitude >= 1e-3 else f"{_digits(value * 1e6)} µs"


_FORMS: dict[str, Callable[[float], str]] = {
    "short": _short,
    "none": _short,
    "s": _seconds,
    "ms": lambda value: _seconds(value / 1000),
    "percent": lambda value: f"{_digits(value)} %",
    "percentunit": lambda value: f"{_digits(value * 100)} %",
    "bytes": _bytes,
    "decbytes": lambda value: f"{_short(value)}B",
    "Bps": lambda value: f"{_bytes(value)}/s",
    "binBps": lambda value: f"{_bytes(value)}/s",
    "reqps": lambda value: f"{_short(value)} req/s",
    "ops": lambda value: f"{_short(value)} ops/s",
    "cps": lambda value: f"{_short(value)}/s",
}
