"""One of our services as its image starts it: `python -m <package>`, on a loopback address of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.postgres import free_address
from harness.waiting import eventually_sync


@dataclass
class ServiceProcess:
    """A running service: its address, its process, and where its log goes."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, package: str, environment: Mapping[str, str], *, ready: bool = True) -> ServiceProcess:
        """Start and wait until it is ready, or (with `ready` false) until it answers at all."""
        host, port = free_address()
        log = Path(tempfile.mkstemp(prefix=f"autostack-{package}-", suffix=".log")[1])
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", package],
                env={
                    **os.environ,
                    "LISTEN_HOST": host,
                    "LISTEN_PORT": str(port),
                    "DRAIN_DELAY_S": "0",
                    **environment,
                },
                stdout=sink,
                stderr=sink,
            )
        service = cls(f"http://{host}:{port}", process, log)
        path, what = ("/readyz", "ready") if ready else ("/healthz", "alive")
        eventually_sync(lambda: service.status(path) == 200, within_s=120, what=f"{package} {what}")
        return service

    def status(self, path: str) -> int:
        """The status of a GET; raises with the log when the process has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the service ended: {self.log.read_text()[-800:]}")
        return httpx.get(self.url + path, timeout=5).status_code

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.log.unlink(missing_ok=True)
        return code

    def log_lines(self) -> list[dict[str, object]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]
