"""The application as it runs in a cluster, as processes: PostgreSQL, workers, the sender, the result-node.

The sender finds the workers by one name with several addresses, as a headless Service's; the name is in an
/etc/hosts of the sender's own, rewritten in place, as the pocket cluster does it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from harness.postgres import PostgresServer, free_address
from harness.waiting import eventually_sync

WORKERS = "worker-node-headless"


@dataclass
class Running:
    """One service's process."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    pid: int = 0

    def send(self, number: signal.Signals) -> None:
        """Signal the service itself, not the sandbox around it."""
        os.kill(self.pid, number)

    def ended(self, *, within_s: float = 40) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(within_s)

    def is_ready(self) -> bool:
        """Whether it can do its work; raises with its log when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-1500:]}")
        return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200


@dataclass
class ApplicationStack:
    """Start what a test needs; `remove` ends all that is left."""

    folder: Path
    postgres: PostgresServer
    worker_port: int = 0
    writer_password: str = field(default_factory=lambda: secrets.token_hex(12))
    reader_password: str = field(default_factory=lambda: secrets.token_hex(12))
    workers: dict[str, Running] = field(default_factory=dict)
    _running: list[Running] = field(default_factory=list)

    def migrate(self) -> None:
        """The command that the migration Job runs."""
        passwords = {"WRITER_PASSWORD": self.writer_password, "READER_PASSWORD": self.reader_password}
        subprocess.run(
            [sys.executable, "-m", "worker_node", "migrate"],
            env={**os.environ, **self.postgres.environment(), **passwords},
            check=True,
            capture_output=True,
        )

    def start_worker(self, *, host: str | None = None) -> Running:
        """A worker at a new address, or again at one that it had."""
        fresh_host, fresh_port = free_address()
        self.worker_port = self.worker_port or fresh_port
        host = host or fresh_host
        environment = self.postgres.environment(user="autostack_writer", password=self.writer_password)
        worker = self._start("worker_node", environment, address=(host, self.worker_port))
        self.workers[host] = worker
        self._write_hosts()
        return worker

    def forget_worker(self, host: str) -> None:
        """Take a worker's address out of the name."""
        del self.workers[host]
        self._write_hosts()

    def start_sender(self, *, tps: float, **environment: str) -> Running:
        """The sender, looking the workers up by their name; so patient that a busy machine loses nothing."""
        self._write_hosts()
        settings = {
            "DEADLINE_S": "120",
            "MOST_IN_FLIGHT": "50000",
            "TARGET": f"http://{WORKERS}:{self.worker_port}",
            "TPS": str(tps),
            "LEDGER_DIR": str(self.ledger_dir),
        }
        hosts = ["bwrap", "--dev-bind", "/", "/", "--bind", str(self.folder / "hosts"), "/etc/hosts", "--"]
        return self._start(
            "traffic_sender", {**settings, **environment}, address=free_address(), around=hosts
        )

    def start_results(self) -> Running:
        """The result-node, with the right to read."""
        environment = self.postgres.environment(user="autostack_reader", password=self.reader_password)
        return self._start("result_node", environment, address=free_address())

    @property
    def ledger_dir(self) -> Path:
        """Where the sender keeps its ledger."""
        return self.folder / "ledger"

    def remove(self) -> None:
        """Kill what is left."""
        for running in self._running:
            if running.process.poll() is None:
                running.send(signal.SIGKILL)
                running.process.wait(20)

    def _write_hosts(self) -> None:
        lines = ["127.0.0.1 localhost", *(f"{host} {WORKERS}" for host in self.workers)]
        with (self.folder / "hosts").open(
            "w"
        ) as hosts:  # in place: a bind mount follows the file, not its name
            hosts.write("\n".join(lines) + "\n")

    def _start(
        self,
        package: str,
        environment: Mapping[str, str],
        *,
        address: tuple[str, int],
        around: list[str] | None = None,
    ) -> Running:
        host, port = address
        log = self.folder / f"{package}-{len(self._running)}.log"
        own = {
            "LISTEN_HOST": host,
            "LISTEN_PORT": str(port),
            "POD_NAME": f"{package}-{host}",
            "DRAIN_DELAY_S": "0.5",
        }
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*(around or []), sys.executable, "-m", package],
                env={**os.environ, **own, **environment},
                stdout=sink,
                stderr=sink,
            )
        running = Running(package, f"http://{host}:{port}", process, log, process.pid)
        self._running.append(running)
        eventually_sync(running.is_ready, within_s=60, what=f"{package} ready")
        if around:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            running.pid = int(children[0])
        return running
