"""What can go wrong in the console.

ConsoleError
├── PrometheusError     a query was refused, or Prometheus does not answer: shown in the panel
├── DashboardError      a dashboard's JSON cannot be drawn: shown in its place
├── RecordsError        the origin or the pipeline's records cannot be read: said in its place
├── ClusterError        the Kubernetes API does not answer: 503
└── AbsentError         there is no such application, run or dashboard: 404
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


class RecordsError(ConsoleError):
    """What people pushed, or what the pipeline made of it, could not be had."""


class AbsentError(ConsoleError):
    """A page of something that is not there."""
