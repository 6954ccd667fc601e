"""`python -m worker_node`: serve. With `migrate` or `retention`: that, once, and exit."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import NoReturn, TypeVar

from service_kit import ServiceKitError, ServiceSettings, load_settings
from service_kit.logs import configure_logs

S = TypeVar("S", bound=ServiceSettings)

USAGE = """usage: python -m worker_node [migrate | retention]
  (nothing)   serve POST /solve
  migrate     bring the database to the newest version and set the roles' passwords
  retention   make partitions ahead and drop the oldest
"""


def main(arguments: list[str]) -> NoReturn:
    """Do what the one argument says; each command imports only what it needs."""
    match arguments:
        case []:
            from service_kit import run  # noqa: PLC0415 - see above

            from worker_node.application import build  # noqa: PLC0415 - see above
            from worker_node.settings import WorkerSettings  # noqa: PLC0415 - see above

            run("worker-node", WorkerSettings, build)
        case ["migrate"]:
            from worker_node.migrate import migrate  # noqa: PLC0415 - see above
            from worker_node.settings import MigrationSettings  # noqa: PLC0415 - see above

            _once("migrate", MigrationSettings, migrate)
        case ["retention"]:
            from worker_node.retention import retain  # noqa: PLC0415 - see above
            from worker_node.settings import RetentionSettings  # noqa: PLC0415 - see above

            _once("retention", RetentionSettings, retain)
        case ["--help" | "-h"]:
            print(USAGE, end="")
            sys.exit(0)
        case _:
            print(USAGE, end="", file=sys.stderr)
            sys.exit(2)


def _once(name: str, settings_type: type[S], act: Callable[[S], Coroutine[None, None, None]]) -> NoReturn:
    try:
        settings = load_settings(settings_type, os.environ)
        configure_logs(settings.log_level, {"service": f"worker-node {name}"})
        asyncio.run(act(settings))
    except ServiceKitError as error:
        print(f"worker-node {name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
