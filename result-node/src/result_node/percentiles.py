"""Percentiles of a latency whose exact values are gone: only counts per bucket are kept.

Within a bucket the values are taken to be spread evenly, as Prometheus does; the error is at most the
bucket's width. What lies beyond the last bound is given as that bound, and is at least that.
"""

from __future__ import annotations

from collections.abc import Sequence

BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the buckets in `result_minutes.latency_buckets`; one more holds the rest."""

BUCKETS = len(BOUNDS_S) + 1


def percentile_s(counts: Sequence[int], fraction: float) -> float | None:
    """The value in seconds below which this fraction lies; None when nothing was counted."""
    total = sum(counts)
    if total == 0:
        return None
    rank = fraction * total
    below = 0
    for index, count in enumerate(counts):
        if count and below + count >= rank:
            if index == len(BOUNDS_S):
                return BOUNDS_S[-1]
            lower = BOUNDS_S[index - 1] if index else 0.0
            return lower + (BOUNDS_S[index] - lower) * max(rank - below, 0.0) / count
        below += count
    return BOUNDS_S[-1]
