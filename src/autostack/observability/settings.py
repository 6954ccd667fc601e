"""The operator's settings, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autostack.observability.errors import ObservabilityError


@dataclass(frozen=True, slots=True)
class Settings:
    """`listen_*`: where targets are served; `folder`: what Prometheus reads; `prometheus`: whom to tell of
    changes.
    """

    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    folder: Path = Path("/etc/prometheus")
    prometheus: str = "http://127.0.0.1:9090"
    scrape_interval: str = "5s"

    @property
    def discovery(self) -> str:
        """Where Prometheus finds the targets."""
        return f"http://{self.listen_host}:{self.listen_port}/targets"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from LISTEN_HOST, LISTEN_PORT, CONFIGURATION_FOLDER, PROMETHEUS_URL, SCRAPE_INTERVAL."""
    default = Settings()
    port = environment.get("LISTEN_PORT", str(default.listen_port))
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ObservabilityError(f"LISTEN_PORT is {port!r}; it must be a port, 1 to 65535")
    return Settings(
        environment.get("LISTEN_HOST", default.listen_host),
        int(port),
        Path(environment.get("CONFIGURATION_FOLDER", str(default.folder))),
        environment.get("PROMETHEUS_URL", default.prometheus),
        environment.get("SCRAPE_INTERVAL", default.scrape_interval),
    )
