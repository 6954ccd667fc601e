"""Rate, errors and duration of HTTP requests, in two dictionary updates a request.

The client library's labelled counters cost more than some requests do, so these are counted in plain
dictionaries and turned into metrics only when scraped. Label values are bounded: the route's template, known
methods, the status.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service_kit.metrics import Declared

BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Declared("http_requests_total", "counter", "HTTP requests answered", ("method", "route", "status"))
DURATION = Declared(
    "http_request_duration_seconds",
    "histogram",
    "from the request's head to the end of its answer",
    ("route",),
)


class _Series:
    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0


class HttpMetrics(Collector):
    """Counts requests by method, route and status, and their duration by route."""

    declared = (REQUESTS, DURATION)

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._durations: dict[str, _Series] = {}

    def observe(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one answered request."""
        key = (method if method in METHODS else "OTHER", route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        series = self._durations.get(route)
        if series is None:
            series = self._durations[route] = _Series()
        series.counts[bisect_left(BOUNDS_S, duration_s)] += 1
        series.sum_s += duration_s

    def collect(self) -> Iterable[Metric]:
        """The two families, as the client library wants them."""
        requests = CounterMetricFamily(REQUESTS.name, REQUESTS.help, labels=REQUESTS.labels)
        for (method, route, status), count in list(self._requests.items()):
            requests.add_metric([method, route, str(status)], count)
        yield requests
        durations = HistogramMetricFamily(DURATION.name, DURATION.help, labels=DURATION.labels)
        for route, series in list(self._durations.items()):
            durations.add_metric([route], _cumulative(series.counts), sum_value=series.sum_s)
        yield durations


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*BOUNDS_S, float("inf")), counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
    return buckets
