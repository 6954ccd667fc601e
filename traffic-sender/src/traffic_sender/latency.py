"""Durations counted in buckets that grow by 5 %, so a percentile is right within 5 % however long the run.

A fixed array of some hundred counters takes any number of durations in constant memory; Prometheus's coarser
buckets are counted beside it, because they cannot be cut out of these exactly.

Pure.
"""

from __future__ import annotations

import math
from bisect import bisect_left

BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LEAST_S = 1e-5
_GROWTH = math.log(1.05)
_BUCKETS = 340  # up to 150 s


class Durations:
    """Counts of durations in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.sum_s = 0.0
        self.largest_s = 0.0
        self.coarse = [0] * (len(BOUNDS_S) + 1)
        self._fine = [0] * _BUCKETS

    def add(self, duration_s: float) -> None:
        """Count one."""
        self.count += 1
        self.sum_s += duration_s
        self.largest_s = max(self.largest_s, duration_s)
        self.coarse[bisect_left(BOUNDS_S, duration_s)] += 1
        place = 0 if duration_s <= _LEAST_S else math.ceil(math.log(duration_s / _LEAST_S) / _GROWTH)
        self._fine[min(place, _BUCKETS - 1)] += 1

    def quantile(self, share: float) -> float | None:
        """The duration that this share (0 to 1) does not exceed, at most 5 % too high; None without any."""
        if not self.count:
            return None
        wanted = max(math.ceil(share * self.count), 1)
        for place, counted in enumerate(self._fine):
            wanted -= counted
            if wanted <= 0:
                return min(_LEAST_S * math.exp(_GROWTH * place), self.largest_s)
        return self.largest_s


class LastSecond:
    """How often something happened in the last second, in slots of 50 ms."""

    _SLOTS = 20

    def __init__(self) -> None:
        self._counts = [0] * (self._SLOTS + 1)
        self._slot = 0

    def add(self, now_s: float) -> None:
        """It happened now."""
        self._advance(now_s)
        self._counts[self._slot % len(self._counts)] += 1

    def per_second(self, now_s: float) -> int:
        """How often it happened in the last 20 whole slots."""
        self._advance(now_s)
        return sum(self._counts) - self._counts[self._slot % len(self._counts)]

    def _advance(self, now_s: float) -> None:
        slot = int(now_s * self._SLOTS)
        for passed in range(max(self._slot + 1, slot - self._SLOTS), slot + 1):
            self._counts[passed % len(self._counts)] = 0
        self._slot = max(self._slot, slot)
