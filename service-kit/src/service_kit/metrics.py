"""Metrics: one registry per service in which every name is declared once, with its description and labels.

Dashboards and alerts depend on the names, so a test compares what is declared with what a real run exposes,
both ways (`differences`). The registry is a thin shell over prometheus_client; nothing is global, so two
services fit in one process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from service_kit.errors import MetricError

CONTENT_TYPE = CONTENT_TYPE_LATEST

PROCESS_METRICS = (
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as documentation and dashboards know it."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()


class MetricRegistry:
    """Where a service declares its metrics; also what `/metrics` exposes."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library leaves it untyped; it halves series
        self.declared: dict[str, Declared] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        for name in PROCESS_METRICS:
            kind = "counter" if name.endswith("_total") else "gauge"
            self._declare(Declared(name, kind, "of this process, as Prometheus clients everywhere name it"))

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:  # noqa: A002 - Prometheus's own word
        """Declare a counter; its name ends in `_total`."""
        if not name.endswith("_total"):
            raise MetricError(f"the counter {name} must end in _total")
        self._declare(Declared(name, "counter", help, tuple(labels)))
        return Counter(name, help, labels, registry=self._registry)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:  # noqa: A002 - Prometheus's own word
        """Declare a gauge."""
        self._declare(Declared(name, "gauge", help, tuple(labels)))
        return Gauge(name, help, labels, registry=self._registry)

    def histogram(
        self,
        name: str,
        help: str,  # noqa: A002 - Prometheus's own word
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float],
    ) -> Histogram:
        """Declare a histogram; the bounds are the caller's, because the defaults fit nobody."""
        self._declare(Declared(name, "histogram", help, tuple(labels)))
        return Histogram(name, help, labels, registry=self._registry, buckets=buckets)

    def collector(self, collector: Collector, declared: Iterable[Declared]) -> None:
        """Add a collector of the caller's own, with what it exposes."""
        for item in declared:
            self._declare(item)
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """The text format."""
        return generate_latest(self._registry)

    def _declare(self, item: Declared) -> None:
        if item.name in self.declared:
            raise MetricError(f"the metric {item.name} is declared twice")
        if not item.help:
            raise MetricError(f"the metric {item.name} has no description")
        self.declared[item.name] = item


def differences(declared: Iterable[Declared], exposition: str) -> list[str]:
    """What is declared and not exposed, exposed and not declared, or of another type or label set; empty when
    equal.
    """
    wanted = {item.name: item for item in declared}
    found: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(exposition):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le", "quantile"}
        found[name] = (family.type, labels)
    complaints = [f"{name} is declared and not exposed" for name in wanted.keys() - found.keys()]
    complaints += [f"{name} is exposed and not declared" for name in found.keys() - wanted.keys()]
    for name in wanted.keys() & found.keys():
        kind, labels = found[name]
        if kind != wanted[name].type:
            complaints.append(f"{name} is declared a {wanted[name].type} and exposed as a {kind}")
        if labels and labels != set(wanted[name].labels):
            complaints.append(
                f"{name} has the labels {sorted(labels)}, declared are {sorted(wanted[name].labels)}"
            )
    return sorted(complaints)
