"""What every Auto-Stack service does alike: start, be ready, drain, close; probes, logs, metrics, problem
documents.

A service gives a settings class and a function that builds its FastAPI application; `run` does the rest. The
price of sharing is that a change here rebuilds every image; the gain is that no two services drain or fail in
different ways.
"""

from service_kit.application import build_application
from service_kit.background import background
from service_kit.errors import FailureError, ProblemError, ServiceKitError, SettingsError, StartError
from service_kit.lifecycle import Lifecycle, Phase
from service_kit.metrics import MetricRegistry
from service_kit.problems import problem_response
from service_kit.server import HttpServer, run
from service_kit.service import Service
from service_kit.settings import DatabaseSettings, ServiceSettings, load_settings, setting

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
