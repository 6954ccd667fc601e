"""Durations as Go writes them ("5s", "1h30m", "500ms"), because that is what an Application holds."""

from __future__ import annotations

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def seconds(text: str) -> float:
    """The duration in seconds; ValueError says what is wrong. A bare number is seconds, as Argo CD takes
    it.
    """
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write e.g. 5s, 3m or 1h30m")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
