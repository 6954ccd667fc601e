"""The one dashboard that answers: is it working, how fast, which versions, and how is the machine?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row

from autostack.observability.dashboards.panels import Place, Query, lines, number

UID = "auto-stack-overview"
_ROOT = 'mountpoint="/",fstype!~"tmpfs|overlay|squashfs"'


def overview() -> Dashboard:
    """Traffic on top, then pods and versions, then the host."""
    board = (
        Dashboard("Auto-Stack")
        .uid(UID)
        .description("Live traffic, latency, errors, pods and the host.")
        .tags(["auto-stack"])
        .refresh("5s")
        .time("now-15m", "now")
        .timezone("browser")
        .readonly()
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    board = _traffic(_now(board))
    return _host(_pods(board))


def _now(board: Dashboard) -> Dashboard:
    panels = (
        number(
            "TPS", "Problems acknowledged in the last second.", "short", Place(0, 0, 6, 4), "auto_stack:tps"
        ),
        number(
            "P95",
            "95 % of the answers are faster, receipt to acknowledgement.",
            "s",
            Place(6, 0, 6, 4),
            "worker:calculation_duration_seconds:p95",
        ),
        number(
            "Errors",
            "Share of the workers' requests that fail.",
            "percentunit",
            Place(12, 0, 6, 4),
            'sum(service:http_errors:ratio{job="worker-node"}) or vector(0)',
        ),
        number(
            "Workers",
            "Workers that answer.",
            "short",
            Place(18, 0, 6, 4),
            'sum(up{namespace="auto-stack",job="worker-node"})',
        ),
    )
    for panel in panels:
        board = board.with_panel(panel)
    return board


def _traffic(board: Dashboard) -> Dashboard:
    quantile = "histogram_quantile({}, sum by (le) (rate(worker_calculation_duration_seconds_bucket[30s])))"
    return (
        board.with_row(Row("Traffic"))
        .with_panel(
            lines(
                "Live TPS",
                "What the sender gets acknowledged, and what the workers answer.",
                "short",
                Place(0, 5, 12, 8),
                (
                    Query("sum(traffic_sender_tps)", "acknowledged"),
                    Query("sum(rate(worker_calculation_duration_seconds_count[10s]))", "answered"),
                ),
            )
        )
        .with_panel(
            lines(
                "Latency",
                "Receipt to acknowledged answer.",
                "s",
                Place(12, 5, 12, 8),
                tuple(
                    Query(quantile.format(q), name)
                    for q, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))
                ),
            )
        )
        .with_panel(
            lines(
                "Error rate",
                "Share of requests answered with 5xx.",
                "percentunit",
                Place(0, 13, 12, 8),
                (Query("service:http_errors:ratio", "{{job}}"),),
            )
        )
        .with_panel(
            lines(
                "P95 by version",
                "Two lines during a rollout: the old version and the new one.",
                "s",
                Place(12, 13, 12, 8),
                (Query("worker_version:calculation_duration_seconds:p95", "{{version}}"),),
            )
        )
    )


def _pods(board: Dashboard) -> Dashboard:
    return (
        board.with_row(Row("Pods"))
        .with_panel(
            lines(
                "Pods that answer",
                "By service.",
                "short",
                Place(0, 22, 8, 8),
                (Query('sum by (job) (up{namespace="auto-stack"})', "{{job}}"),),
            )
        )
        .with_panel(
            lines(
                "Versions",
                "Pods by service and version.",
                "short",
                Place(8, 22, 8, 8),
                (Query("count by (service, version) (build_info)", "{{service}} {{version}}"),),
            )
        )
        .with_panel(
            lines(
                "Kills and queue",
                "Pods that the chaos agent deleted in a minute, and problems waiting in the workers.",
                "short",
                Place(16, 22, 8, 8),
                (
                    Query("sum by (identifier) (increase(chaos_kills_total[1m]))", "killed {{identifier}}"),
                    Query("sum(worker_queue_depth)", "queued"),
                ),
            )
        )
    )


def _host(board: Dashboard) -> Dashboard:
    idle = 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[30s]))'
    return (
        board.with_row(Row("Host"))
        .with_panel(
            lines(
                "CPU",
                "Share of all cores in use.",
                "percentunit",
                Place(0, 31, 8, 8),
                (Query(f"1 - {idle}", "{{instance}}"),),
                maximum=1,
            )
        )
        .with_panel(
            lines(
                "Memory",
                "Share in use.",
                "percentunit",
                Place(8, 31, 8, 8),
                (Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{instance}}"),),
                maximum=1,
            )
        )
        .with_panel(
            lines(
                "Disk",
                "Share of the root file system in use.",
                "percentunit",
                Place(16, 31, 8, 8),
                (
                    Query(
                        f"1 - node_filesystem_avail_bytes{{{_ROOT}}} / node_filesystem_size_bytes{{{_ROOT}}}",
                        "{{instance}}",
                    ),
                ),
                maximum=1,
            )
        )
    )
