"""`python -m result_node`: serve until SIGTERM."""

from __future__ import annotations

from service_kit import run

from result_node.application import build
from result_node.settings import ResultSettings

if __name__ == "__main__":
    run("result-node", ResultSettings, build)
