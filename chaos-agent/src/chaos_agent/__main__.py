"""`python -m chaos_agent` attacks until it is stopped; with `once` it attacks each target once."""

from __future__ import annotations

import asyncio
import os
import sys

from service_kit import Service, ServiceKitError, load_settings, run
from service_kit.logs import configure_logs

from chaos_agent.application import build, make_agent
from chaos_agent.errors import ChaosError
from chaos_agent.settings import ChaosSettings

NAME = "chaos-agent"


def attack_once() -> int:
    """One attack on every target; the exit code is 1 when the API refused or there was no pod to kill."""
    try:
        service = Service(NAME, load_settings(ChaosSettings, os.environ))
        configure_logs(service.settings.log_level, service.identity)
        killed = asyncio.run(make_agent(service).attack_once())
    except (ServiceKitError, ChaosError) as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    print(f"killed {killed} pods")
    return 0 if killed else 1


def main() -> None:
    """Do what the one argument says."""
    arguments = sys.argv[1:]
    if arguments == ["once"]:
        sys.exit(attack_once())
    if arguments:
        print(f"{NAME}: unknown argument {arguments[0][:40]!r}; there is only `once`", file=sys.stderr)
        sys.exit(2)
    run(NAME, ChaosSettings, build)


if __name__ == "__main__":
    main()
