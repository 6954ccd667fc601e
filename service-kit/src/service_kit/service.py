"""One service as a value: its name, settings, lifecycle and metrics. Everything else is built from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from service_kit.http_metrics import HttpMetrics
from service_kit.lifecycle import Lifecycle
from service_kit.metrics import MetricRegistry
from service_kit.settings import ServiceSettings

S_co = TypeVar("S_co", bound=ServiceSettings, covariant=True)


@dataclass(frozen=True)
class Service(Generic[S_co]):
    """What the parts of one process share. Create one per process, or one per test."""

    name: str
    settings: S_co
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    metrics: MetricRegistry = field(default_factory=MetricRegistry)
    http: HttpMetrics = field(default_factory=HttpMetrics)

    def __post_init__(self) -> None:
        """Declare what every service exposes."""
        self.metrics.collector(self.http, self.http.declared)
        info = self.metrics.gauge(
            "build_info", "1; the labels say what runs here", ("service", "version", "revision")
        )
        info.labels(self.name, self.settings.app_version, self.settings.git_revision).set(1)

    @property
    def identity(self) -> dict[str, str]:
        """What `/version` answers and every log line carries."""
        return {
            "service": self.name,
            "version": self.settings.app_version,
            "revision": self.settings.git_revision,
            "instance": self.settings.instance,
        }
