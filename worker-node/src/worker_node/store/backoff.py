"""How long to wait before the next attempt: doubling, bounded, with jitter so that workers do not return as
one.
"""

from __future__ import annotations

FIRST_S = 0.05
LARGEST_S = 0.5
"""A database that is back is used within this; a few connections tried twice a second do not weigh on it."""


def backoff_s(attempt: int, random: float) -> float:
    """The wait after the given number of failed attempts (from 1); `random` is from [0, 1)."""
    ceiling: float = min(LARGEST_S, FIRST_S * 2 ** min(attempt - 1, 10))
    return ceiling * (0.5 + random / 2)
