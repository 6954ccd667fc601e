"""What the figures are read beside, and what was aimed at."""

from __future__ import annotations

REFERENCE = {
    "heal_s": 3.1,
    "rss_mb": 770,
}
"""Kubernetes 1.36 (API server, etcd, controllers, kubelet) on the same kind of machine with two cores."""

AIM = {
    "first_pod_ready_s": 3.0,
    "heal_s": 1.0,
    "pods_100_ready_s": 20.0,
    "rss_mb": 120.0,
    "idle_cpu_percent": 2.0,
    "list_1000_ms": 50.0,
    "watch_fanout_1000_ms": 250.0,
    "writes_per_second": 1500.0,
    "proxy_p50_us": 150.0,
    "proxy_requests_per_second": 10_000.0,
}
MORE_IS_BETTER = frozenset({"writes_per_second", "proxy_requests_per_second"})
