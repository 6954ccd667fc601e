"""The sender's metrics, read from the ledger and the records at the moment of a scrape.

There is no second set of counters that could disagree with the ledger, and the hot path pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from service_kit.metrics import Declared

from traffic_sender.engine import Engine
from traffic_sender.latency import BOUNDS_S, Durations

TPS = Declared("traffic_sender_tps", "gauge", "problems acknowledged in the last second")
ASKED_TPS = Declared("traffic_sender_asked_tps", "gauge", "arrival rate that the load profile asks for now")
IN_FLIGHT = Declared("traffic_sender_in_flight", "gauge", "problems issued and not ended")
WORKERS = Declared("traffic_sender_workers", "gauge", "known workers, by state", ("state",))
ISSUED = Declared("traffic_sender_issued_total", "counter", "problems issued")
PROBLEMS = Declared("traffic_sender_problems_total", "counter", "problems that ended", ("outcome",))
GIVEN_UP = Declared("traffic_sender_given_up_total", "counter", "problems given up", ("reason",))
ATTEMPTS = Declared("traffic_sender_attempts_total", "counter", "attempts that ended", ("end",))
EJECTIONS = Declared("traffic_sender_ejections_total", "counter", "ejections of workers")
LATENCY = Declared(
    "traffic_sender_latency_seconds", "histogram", "from the scheduled time to the worker's word"
)
SEND_DELAY = Declared("traffic_sender_send_delay_seconds", "histogram", "from the scheduled time to sending")

DECLARED = (
    TPS, ASKED_TPS, IN_FLIGHT, WORKERS, ISSUED, PROBLEMS, GIVEN_UP, ATTEMPTS, EJECTIONS, LATENCY, SEND_DELAY,
)  # fmt: skip


class SenderMetrics(Collector):
    """What `/metrics` says of one run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        """All families, as the client library wants them."""
        engine = self._engine
        ledger, records = engine.ledger, engine.records
        ejected, admitted = engine.workers()
        yield _gauge(TPS, {(): engine.acknowledged_tps()})
        yield _gauge(ASKED_TPS, {(): engine.asked_tps()})
        yield _gauge(IN_FLIGHT, {(): ledger.in_flight})
        yield _gauge(WORKERS, {("admitted",): admitted, ("ejected",): ejected})
        yield _counter(ISSUED, {(): ledger.issued})
        ends: dict[tuple[str, ...], int] = {
            ("acknowledged",): ledger.acknowledged,
            ("rejected",): ledger.rejected,
            ("given_up",): sum(ledger.given_up.values()),
        }
        yield _counter(PROBLEMS, ends)
        yield _counter(GIVEN_UP, {(reason.value,): count for reason, count in ledger.given_up.items()})
        yield _counter(ATTEMPTS, {(end,): count for end, count in records.attempts.items()})
        yield _counter(EJECTIONS, {(): records.ejections})
        yield _histogram(LATENCY, records.latency)
        yield _histogram(SEND_DELAY, records.send_delay)


def _gauge(declared: Declared, values: dict[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(declared.name, declared.help, labels=declared.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _counter(declared: Declared, values: dict[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(declared.name, declared.help, labels=declared.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(declared: Declared, durations: Durations) -> Metric:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, counted in zip((*map(str, BOUNDS_S), "+Inf"), durations.coarse, strict=True):
        total += counted
        buckets.append((bound, total))
    family = HistogramMetricFamily(declared.name, declared.help)
    family.add_metric([], buckets, sum_value=durations.sum_s)
    return family
