"""From counters to curves: rates and quantiles of the windows between two moments. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from autostack.resilience.samples import Point, Traffic

Buckets = Sequence[tuple[float, float]]


def quantile(share: float, buckets: Buckets) -> float | None:
    """The quantile of a cumulative histogram, linear within a bucket, as in Prometheus' `histogram_quantile`.

    In the bucket without an upper bound it is the highest bound below; None when nothing was counted.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank = share * buckets[-1][1]
    lower_bound = lower_count = 0.0
    for bound, count in buckets:
        if count >= rank and count > lower_count:
            if bound == float("inf"):
                return lower_bound
            return lower_bound + (bound - lower_bound) * (rank - lower_count) / (count - lower_count)
        lower_bound, lower_count = bound, count
    return lower_bound


def between(earlier: Traffic, later: Traffic) -> Buckets:
    """The histogram of what ended between two moments."""
    before = dict(earlier.latency_buckets)
    return [(bound, count - before.get(bound, 0)) for bound, count in later.latency_buckets]


def curve(traffic: Sequence[Traffic], *, window_s: float = 1.0) -> list[Point]:
    """A point a window of at least `window_s`; none where a counter went back, as after a restart."""
    points: list[Point] = []
    chosen = _at_least_apart(traffic, window_s)
    for earlier, later in pairwise(chosen):
        acknowledged = later.acknowledged - earlier.acknowledged
        if acknowledged < 0:
            continue
        points.append(
            Point(
                at_s=later.at_s,
                tps=acknowledged / (later.at_s - earlier.at_s),
                p95_s=quantile(0.95, between(earlier, later)),
                given_up=later.given_up - earlier.given_up,
            )
        )
    return points


def _at_least_apart(traffic: Sequence[Traffic], window_s: float) -> list[Traffic]:
    chosen: list[Traffic] = []
    for sample in traffic:
        if not chosen or sample.at_s - chosen[-1].at_s >= window_s:
            chosen.append(sample)
    return chosen
