"""Every metric of the worker, declared once; dashboards and alerts use these names."""

from __future__ import annotations

from collections.abc import Callable

from service_kit import MetricRegistry

from worker_node.store.flush import FlushCount
from worker_node.store.statements import LATENCY_BOUNDS_S

FLUSH_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class WorkerMetrics:
    """The worker's own metrics; what all services have is declared by service-kit."""

    def __init__(
        self, registry: MetricRegistry, *, depth: Callable[[], float], up: Callable[[], float]
    ) -> None:
        self._calculation = registry.histogram(
            "worker_calculation_duration_seconds",
            "from receipt of a problem to its acknowledged answer",
            buckets=LATENCY_BOUNDS_S,
        )
        self._flush = registry.histogram(
            "worker_store_flush_seconds", "one flush, from statement to commit", buckets=FLUSH_BOUNDS_S
        )
        self._rows = registry.counter(
            "worker_store_rows_total", "rows by what the store made of them", ("outcome",)
        )
        self._connections = registry.counter(
            "worker_store_connections_total", "connections opened to PostgreSQL"
        )
        self._refused = registry.counter("worker_refused_total", "problems refused, by kind", ("kind",))
        self._faults = registry.counter("worker_faults_total", "faults injected on request", ("fault",))
        registry.gauge("worker_queue_depth", "answers not yet stored").set_function(depth)
        registry.gauge("worker_store_up", "1 when the store can be written").set_function(up)
        self._active = registry.gauge("worker_fault_setting", "faults asked for, 0 when none", ("fault",))

    def answered(self, duration_s: float) -> None:
        """One problem is answered and stored."""
        self._calculation.observe(duration_s)

    def refused(self, kind: str) -> None:
        """One problem is refused."""
        self._refused.labels(kind).inc()

    def flushed(self, count: FlushCount, duration_s: float) -> None:
        """One flush is committed."""
        self._flush.observe(duration_s)
        self._rows.labels("stored").inc(count.stored)
        if count.repeated or count.conflicting:
            self._rows.labels("repeated").inc(count.repeated)
            self._rows.labels("conflicting").inc(count.conflicting)

    def connected(self) -> None:
        """A connection was opened."""
        self._connections.inc()

    def fault_set(self, fault: str, value: float) -> None:
        """An experiment asks for a fault, or ends it with 0."""
        self._active.labels(fault).set(value)

    def fault_injected(self, fault: str) -> None:
        """One request suffered a fault."""
        self._faults.labels(fault).inc()
