"""`python -m traffic_sender`: with arguments a tool at the command line, without any a service."""

from __future__ import annotations

import sys


def main() -> None:
    """Start what the arguments ask for."""
    if len(sys.argv) > 1:
        from traffic_sender.command import main as run_command  # noqa: PLC0415 - a service needs no terminal

        sys.exit(run_command(sys.argv[1:]))
    from service_kit import run  # noqa: PLC0415 - a command needs no server

    from traffic_sender.application import build  # noqa: PLC0415 - a command needs no server
    from traffic_sender.settings import SenderSettings  # noqa: PLC0415 - a command needs no server

    run("traffic-sender", SenderSettings, build)


if __name__ == "__main__":
    main()
