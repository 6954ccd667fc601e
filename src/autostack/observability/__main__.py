"""`python -m autostack.observability`: the operator, until it is stopped."""

from __future__ import annotations

import asyncio
import os
import sys

from service_kit.logs import configure_logs

from autostack.errors import AutostackError
from autostack.observability.operator import operate
from autostack.observability.settings import read_settings


def main() -> int:
    """Run; an expected failure is one line and its exit code."""
    configure_logs(os.environ.get("LOG_LEVEL", "info"), {"service": "prometheus-operator"})
    try:
        asyncio.run(operate(read_settings(os.environ)))
    except AutostackError as error:
        sys.stderr.write(f"autostack.observability: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
