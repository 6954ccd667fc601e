"""What every Auto-Stack service does alike: start, be ready, drain, close; probes, logs, metrics, problem
documents.

A service gives a settings class and a function that builds its FastAPI application; `run` does the rest. The
price of sharing is that a change here rebuilds every image; the gain is that no two services drain or fail in
different ways. What serves is imported when it is first asked for, so a job that only reads settings or
writes logs starts without FastAPI and its 0.2 s.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from service_kit.background import background
from service_kit.errors import FailureError, ProblemError, ServiceKitError, SettingsError, StartError
from service_kit.lifecycle import Lifecycle, Phase
from service_kit.settings import DatabaseSettings, ServiceSettings, load_settings, setting

if TYPE_CHECKING:
    from service_kit.application import build_application
    from service_kit.metrics import MetricRegistry
    from service_kit.problems import problem_response
    from service_kit.server import HttpServer, run
    from service_kit.service import Service

__all__ = [
    "DatabaseSettings",
    "FailureError",
    "HttpServer",
    "Lifecycle",
    "MetricRegistry",
    "Phase",
    "ProblemError",
    "Service",
    "ServiceKitError",
    "ServiceSettings",
    "SettingsError",
    "StartError",
    "background",
    "build_application",
    "load_settings",
    "problem_response",
    "run",
    "setting",
]

_SERVING = {
    "HttpServer": "server",
    "MetricRegistry": "metrics",
    "Service": "service",
    "build_application": "application",
    "problem_response": "problems",
    "run": "server",
}


def __getattr__(name: str) -> Any:
    """A name that is imported late (PEP 562)."""
    if name not in _SERVING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SERVING[name]}"), name)
