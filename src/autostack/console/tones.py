"""The five tones of a state: what colour its dot has, and how urgent it is. Pure.

A tone never stands alone: the word beside it says the same.
"""

from __future__ import annotations

GOOD, BAD, BUSY, WARN, QUIET = "good", "bad", "busy", "warn", "quiet"
_URGENCY = (BAD, WARN, BUSY, QUIET, GOOD)


def urgency(tone: str) -> int:
    """For sorting: what needs a person comes first."""
    return _URGENCY.index(tone)
