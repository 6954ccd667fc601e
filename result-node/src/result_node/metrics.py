"""Every metric of result-node's own, by name; dashboards depend on the names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from service_kit import MetricRegistry


class ResultMetrics:
    """What result-node counts besides its HTTP requests."""

    def __init__(self, registry: MetricRegistry) -> None:
        self.live_streams = registry.gauge("result_live_streams", "live streams that are open now")
        self.streamed_rows = registry.counter(
            "result_streamed_rows_total", "rows that passed in live streams"
        )
        self.exports = registry.gauge("result_exports_in_progress", "exports that are being written now")
        self.exported_rows = registry.counter("result_exported_rows_total", "rows written in exports")
        self.database_up = registry.gauge("result_database_up", "1 while the database can be asked")
        self.exports_now = 0

    @contextlib.contextmanager
    def exporting(self) -> Iterator[None]:
        """Count an export while it runs."""
        self.exports_now += 1
        self.exports.set(self.exports_now)
        try:
            yield
        finally:
            self.exports_now -= 1
            self.exports.set(self.exports_now)
