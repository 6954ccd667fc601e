"""The agent's metrics, all names in one place."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter, Gauge
from service_kit import MetricRegistry


@dataclass(frozen=True, slots=True)
class ChaosMetrics:
    """What dashboards and the prover count."""

    kills: Counter
    attacks: Counter
    failures: Counter
    targets: Gauge

    @classmethod
    def declare(cls, registry: MetricRegistry) -> ChaosMetrics:
        """Declare them in a service's registry; the counters without labels start at 0."""
        return cls(
            kills=registry.counter(
                "chaos_kills_total", "pods deleted, by workload", ("namespace", "identifier")
            ),
            attacks=registry.counter("chaos_attacks_total", "attacks begun, whether or not a pod was there"),
            failures=registry.counter("chaos_failures_total", "looks and attacks that the API refused"),
            targets=registry.gauge("chaos_targets", "workloads that opted in and can be attacked"),
        )
