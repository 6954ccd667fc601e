"""result-node in the test's own process, on a free port, with short waits."""

from __future__ import annotations

from result_node.application import build
from result_node.settings import ResultSettings
from service_kit import HttpServer, Service, load_settings


def result_server(environment: dict[str, str]) -> HttpServer:
    """A server that is not started yet."""
    given = {
        "LISTEN_PORT": "0",
        "DRAIN_DELAY_S": "0",
        "SHUTDOWN_TIMEOUT_S": "5",
        "STREAM_INTERVAL_S": "0.05",
        **environment,
    }
    service = Service("result-node", load_settings(ResultSettings, given))
    return HttpServer(service, build(service))
