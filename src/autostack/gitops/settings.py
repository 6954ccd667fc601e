"""The controller's settings, read once from the environment."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autostack.errors import UsageError
from autostack.gitops import durations

# Variable → (what it means, default). The documentation's table is this table.
VARIABLES: dict[str, tuple[str, str]] = {
    "LISTEN_HOST": ("address of /healthz, /readyz and /metrics", "127.0.0.1"),
    "LISTEN_PORT": ("its port", "8000"),
    "POD_NAME": ("the holder's name in the leader lease", "the host's name"),
    "POD_NAMESPACE": ("the namespace of the Applications and of the lease", "argocd"),
    "CACHE_DIR": (
        "mirrors of repositories and rendered trees; may be lost at any time",
        str(Path(tempfile.gettempdir()) / "autostack-gitops"),
    ),
    "RECONCILIATION_TIMEOUT": ("how often Git is asked when no push is announced", "180s"),
    "PROMETHEUS_URL": (
        "where the release guard reads error rate and latency; empty = only readiness is judged",
        "http://prometheus.monitoring.svc.cluster.local:9090",
    ),
    "LOG_LEVEL": ("debug, info, warning or error", "info"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """One controller's settings; times in seconds."""

    listen_host: str
    listen_port: int
    identity: str
    namespace: str
    cache: Path
    poll_s: float
    prometheus_url: str
    log_level: str


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings; UsageError names the variable that is wrong."""

    def value(name: str) -> str:
        return environment.get(name) or ("" if name in environment else VARIABLES[name][1])

    try:
        poll_s = durations.seconds(value("RECONCILIATION_TIMEOUT"))
        port = int(value("LISTEN_PORT"))
    except ValueError as error:
        raise UsageError(f"RECONCILIATION_TIMEOUT or LISTEN_PORT: {error}") from error
    if poll_s < 1:
        raise UsageError("RECONCILIATION_TIMEOUT must be at least 1s")
    level = value("LOG_LEVEL").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise UsageError(f"LOG_LEVEL {level!r} is none of debug, info, warning, error")
    return Settings(
        listen_host=value("LISTEN_HOST"),
        listen_port=port,
        identity=environment.get("POD_NAME") or socket.gethostname(),
        namespace=value("POD_NAMESPACE"),
        cache=Path(value("CACHE_DIR")),
        poll_s=poll_s,
        prometheus_url=value("PROMETHEUS_URL").rstrip("/"),
        log_level=level,
    )
