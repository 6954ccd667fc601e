"""The GitOps controller as a process of its own, and a gate before the API server that kills it at a write.

The gate carries TLS to the server and reads no more than request lines. It lets a write through, keeps the
answer back, and kills: the cluster has the write, and the controller never learnt of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from harness.pocket_api import HttpsCluster

_WRITE = re.compile(rb"(POST|PUT|PATCH|DELETE) (/\S+) HTTP/1\.1\r\n")
# Renewing the lease and telling of what was done are no steps of a sync.
_ASIDE = re.compile(rb"/leases|/events|dryRun=All")


@dataclass
class ControllerProcess:
    """`python -m autostack.gitops`; cache and identity stay, as for a container that is restarted."""

    kubeconfig: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its log is appended to controller.log."""
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.kubeconfig),
            "CACHE_DIR": str(self.folder / "cache"),
            "POD_NAME": "controller",
            "POD_NAMESPACE": "argocd",
            "LISTEN_PORT": "0",
            "PROMETHEUS_URL": "",
        }
        with (self.folder / "controller.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autostack.gitops"], env=environment, stdout=log, stderr=log
            )
        (self.folder / "controller.pid").write_text(str(self.process.pid))

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Gate:
    """What lies between controller and API server. `kill` is called at the first write while `armed`."""

    kubeconfig: Path
    kill: Callable[[], None] = lambda: None
    armed: bool = False
    written: list[str] = field(default_factory=list)


@asynccontextmanager
async def gate(cluster: HttpsCluster, folder: Path) -> AsyncIterator[Gate]:
    """A gate for the time of the block."""
    keys = cluster.kubeconfig.parent / "keys"
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(keys / "server.crt", keys / "server.key")
    asking = ssl.create_default_context(cadata=cluster.ca)
    port = urlsplit(cluster.url).port
    found = Gate(folder / "gate.kubeconfig")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port, ssl=asking)
        except OSError:
            writer.transport.abort()
            return
        caught = asyncio.Event()
        await asyncio.gather(
            _requests(found, reader, up_writer, caught), _answers(found, up_reader, writer, caught)
        )

    server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=serving)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    config["clusters"][0]["cluster"]["server"] = address
    found.kubeconfig.write_text(yaml.safe_dump(config))
    try:
        yield found
    finally:
        server.close()


async def _requests(
    found: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caught: asyncio.Event
) -> None:
    try:
        while data := await reader.read(65536):
            match = _WRITE.match(data)
            if match is not None and not _ASIDE.search(match[2]):
                found.written.append(f"{match[1].decode()} {match[2].decode().partition('?')[0]}")
                if found.armed:
                    found.armed = False
                    caught.set()
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()


async def _answers(
    found: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caught: asyncio.Event
) -> None:
    try:
        while data := await reader.read(65536):
            if caught.is_set():
                found.kill()
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()
