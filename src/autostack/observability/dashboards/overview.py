"""The one dashboard that answers: is it working, how fast, which versions, and how is the machine?

It is data, read from top to bottom as it is seen: sections of panels, which flow into Grafana's grid.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row

from autostack.observability.dashboards.panels import Lines, Number, Query, Section, flowing

UID = "auto-stack-overview"
_QUANTILE = "histogram_quantile({}, sum by (le) (rate(worker_calculation_duration_seconds_bucket[30s])))"
_IDLE = 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[30s]))'
_ROOT = 'mountpoint="/",fstype!~"tmpfs|overlay|squashfs"'
_DISK_FREE = f"node_filesystem_avail_bytes{{{_ROOT}}} / node_filesystem_size_bytes{{{_ROOT}}}"

SECTIONS = (
    Section(
        "",
        (
            Number("TPS", "Problems acknowledged in the last second.", "short", "auto_stack:tps"),
            Number(
                "P95",
                "95 % of the answers are faster, receipt to acknowledgement.",
                "s",
                "worker:calculation_duration_seconds:p95",
            ),
            Number(
                "Errors",
                "Share of the workers' requests that fail.",
                "percentunit",
                'sum(service:http_errors:ratio{job="worker-node"}) or vector(0)',
            ),
            Number(
                "Workers",
                "Workers that answer.",
                "short",
                'sum(up{namespace="auto-stack",job="worker-node"})',
            ),
        ),
    ),
    Section(
        "Traffic",
        (
            Lines(
                "Live TPS",
                "What the sender gets acknowledged, and what the workers answer.",
                "short",
                (
                    Query("sum(traffic_sender_tps)", "acknowledged"),
                    Query("sum(rate(worker_calculation_duration_seconds_count[10s]))", "answered"),
                ),
            ),
            Lines(
                "Latency",
                "Receipt to acknowledged answer.",
                "s",
                tuple(Query(_QUANTILE.format(share), f"P{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            ),
            Lines(
                "Error rate",
                "Share of requests answered with 5xx.",
                "percentunit",
                (Query("service:http_errors:ratio", "{{job}}"),),
            ),
            Lines(
                "P95 by version",
                "Two lines during a rollout: the old version and the new one.",
                "s",
                (Query("worker_version:calculation_duration_seconds:p95", "{{version}}"),),
            ),
        ),
        columns=2,
    ),
    Section(
        "Pods",
        (
            Lines(
                "Pods that answer",
                "By service.",
                "short",
                (Query('sum by (job) (up{namespace="auto-stack"})', "{{job}}"),),
            ),
            Lines(
                "Versions",
                "Pods by service and version.",
                "short",
                (Query("count by (service, version) (build_info)", "{{service}} {{version}}"),),
            ),
            Lines(
                "Kills and queue",
                "Pods that the chaos agent deleted in a minute, and problems waiting in the workers.",
                "short",
                (
                    Query("sum by (identifier) (increase(chaos_kills_total[1m]))", "killed {{identifier}}"),
                    Query("sum(worker_queue_depth)", "queued"),
                ),
            ),
        ),
        columns=3,
    ),
    Section(
        "Host",
        tuple(
            Lines(
                title,
                description,
                "percentunit",
                (Query(f"1 - {free}", "{{instance}}"),),
                maximum=1,
            )
            for title, description, free in (
                ("CPU", "Share of all cores in use.", _IDLE),
                ("Memory", "Share in use.", "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"),
                ("Disk", "Share of the root file system in use.", _DISK_FREE),
            )
        ),
        columns=3,
    ),
)


def overview() -> Dashboard:
    """Figures on top, then traffic, pods and versions, then the host."""
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
    for part in flowing(SECTIONS):
        board = board.with_row(part) if isinstance(part, Row) else board.with_panel(part)
    return board
