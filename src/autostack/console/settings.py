"""What the console reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from service_kit import ServiceSettings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings(ServiceSettings):
    """Where its sources are."""

    prometheus_url: str = setting("http://prometheus.monitoring:9090", help="base URL of Prometheus")
    runs_folder: str = setting("", help="folder of the pipeline's records; empty shows no runs")
    origin_folder: str = setting("", help="the bare repository that people push to; empty shows no commits")
    renew_s: float = setting(5, unit="s", minimum=1, help="between two renewals of a page that is looked at")
