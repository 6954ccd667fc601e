"""The controller's metrics: every name in one place."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

TURNS = Histogram(
    "autostack_gitops_turn_seconds",
    "Duration of one reconciliation of one Application.",
    ["application"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
SYNCS = Counter(
    "autostack_gitops_syncs",
    "Sync operations that ended, by phase.",
    ["application", "phase"],
    registry=REGISTRY,
)
ERRORS = Counter(
    "autostack_gitops_turn_errors",
    "Reconciliations that failed and were tried again.",
    ["application"],
    registry=REGISTRY,
)
REVERTS = Counter(
    "autostack_gitops_reverts", "Releases that the guard reverted in Git.", ["application"], registry=REGISTRY
)
LEADING = Gauge("autostack_gitops_leading", "1 on the replica that syncs.", registry=REGISTRY)
