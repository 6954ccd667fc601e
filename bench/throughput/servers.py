"""The processes of the benchmark: workers of either kind, and what the kernel says they used."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.postgres import INSTALL, PostgresServer, free_address
from harness.waiting import eventually_sync

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running worker."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return float("nan")


@contextlib.contextmanager
def running(command: list[str], environment: Mapping[str, str], *, count: int = 1) -> Iterator[list[Server]]:
    """Some processes of one kind, each on its own address, until all are ready; ended at the end."""
    servers: list[Server] = []
    with contextlib.ExitStack() as stack:
        for number in range(count):
            host, port = free_address()
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, *command],
                    env={
                        **os.environ, **environment, "LISTEN_HOST": host, "LISTEN_PORT": str(port),
                        "POD_NAME": f"bench-{number}", "LOG_LEVEL": "warning", "DRAIN_DELAY_S": "0",
                    },
                )
            )  # fmt: skip
            stack.callback(_end, process)
            servers.append(Server(f"http://{host}:{port}", process.pid))
        for server in servers:
            eventually_sync(partial(_is_ready, server.url), within_s=60, what="server ready")
        yield servers


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def _is_ready(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/readyz", timeout=5) as response:  # noqa: S310 - our own address
        return bool(response.status == 200)


def pgbench_per_second(postgres: PostgresServer, *, seconds: float, folder: Path) -> float:
    """Single-row inserts of rows like ours, each committed, by 16 clients."""
    script = folder / "insert.sql"
    script.write_text(
        "INSERT INTO pgbench_results (id, expression, status, result, worker, version, revision, duration_us)"
        " VALUES (gen_random_uuid(), '1 + 1', 'ok', '2', 'bench', 'dev', 'unknown', 1000);\n"
    )
    done = subprocess.run(
        [
            str(INSTALL / "bin" / "pgbench"), "--no-vacuum", "--client=16", "--jobs=2", "--protocol=prepared",
            f"--time={max(1, round(seconds))}", f"--file={script}", "postgres",
        ],
        env={**os.environ, **postgres.environment()}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps ="))
    return float(line.split()[2])
