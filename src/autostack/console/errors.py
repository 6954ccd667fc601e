"""What can go wrong in the console.

ConsoleError
├── PrometheusError     a query was refused, or Prometheus does not answer: shown in the panel
├── DashboardError      a dashboard's JSON cannot be drawn: shown in its place
└── ClusterError        the Kubernetes API does not answer: 503
"""

from __future__ import annotations


class ConsoleError(Exception):
    """An expected failure, told in one line."""


class PrometheusError(ConsoleError):
    """A query failed; the message is Prometheus' own, capped."""


class DashboardError(ConsoleError):
    """A dashboard is not what Grafana's schema says."""


class ClusterError(ConsoleError):
    """An API call failed."""
