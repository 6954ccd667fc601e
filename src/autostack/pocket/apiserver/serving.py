"""Serve the API over TLS on loopback, with uvicorn, from the cluster's folder of keys.

The folder holds the authority, the server's certificate, the admin token and the key that signs
service-account tokens; what is missing is made at the first start, and the server certificate is renewed
when it nears its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import uvicorn

from autostack.pocket.apiserver import certificates
from autostack.pocket.apiserver.call import ADMIN
from autostack.pocket.apiserver.certificates import KeyPair
from autostack.pocket.apiserver.core import ApiSettings
from autostack.pocket.apiserver.http.app import HttpApi
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.errors import PocketError

SHUTDOWN_TIMEOUT_S = 0.5
BACKLOG = 2_048
SECRET_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a cluster's API server is known by."""

    ca: KeyPair
    server_certificate: Path
    server_key: Path
    admin_token: str
    signing_key: str


def credentials(folder: Path, hosts: list[str]) -> Credentials:
    """Read the folder, and make what is missing or about to end."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca, pair = _kept_pair(folder, "ca"), _kept_pair(folder, "server")
    if ca is None:
        ca, pair = certificates.authority(), None
        _keep_pair(folder, "ca", ca)
    if pair is None or not certificates.is_current(pair, hosts):
        _keep_pair(folder, "server", certificates.server(ca, hosts))
    return Credentials(
        ca,
        folder / "server.crt",
        folder / "server.key",
        _kept_secret(folder / "admin.token"),
        _kept_secret(folder / "service-account.key"),
    )


def _kept_pair(folder: Path, name: str) -> KeyPair | None:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not certificate.is_file() or not key.is_file():
        return None
    pair = KeyPair(certificate.read_text(), key.read_text())
    return pair if pair.certificate.strip() and pair.key.strip() else None


def _keep_pair(folder: Path, name: str, pair: KeyPair) -> None:
    certificates.write_private(folder / f"{name}.key", pair.key)
    certificates.write_private(folder / f"{name}.crt", pair.certificate)


def _kept_secret(file: Path) -> str:
    """The secret in the file, made anew where there is none or, for whatever reason, not a whole one."""
    kept = file.read_text().strip() if file.is_file() else ""
    if len(kept) < SECRET_CHARACTERS:
        kept = secrets.token_urlsafe(SECRET_CHARACTERS)
        certificates.write_private(file, kept)
    return kept


def with_credentials(settings: ApiSettings, known: Credentials) -> ApiSettings:
    """Settings with the cluster's identity in them."""
    return replace(
        settings,
        ca_certificate=known.ca.certificate,
        signing_key=known.signing_key,
        tokens={known.admin_token: ADMIN},
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is an error before anything has started."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PocketError(
            f"the API server cannot listen on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the cluster, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    def abort_connections(self) -> None:
        """Drop what is still open: a TLS connection otherwise waits for its client's goodbye."""
        for connection in tuple(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                with contextlib.suppress(AttributeError):  # Python 3.11.2's, when it has closed already
                    transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.ready.set()


def _websockets(*arguments: Any, **settings: Any) -> asyncio.Protocol:
    """Made at the first exec or port-forward: importing it takes a tenth of a cluster's start."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol  # noqa: PLC0415 - see above

    return WSProtocol(*arguments, **settings)


@asynccontextmanager
async def serving(
    server: ApiServer, listener: socket.socket, known: Credentials
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve HTTPS on the socket for the time of the block; the task ends within it only by a fault."""
    config = uvicorn.Config(
        HttpApi(server.core),
        loop="none",
        http="httptools",
        ws=cast("type[asyncio.Protocol]", _websockets),  # uvicorn only calls it
        lifespan="off",
        ssl_certfile=known.server_certificate,
        ssl_keyfile=known.server_key,
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_keep_alive=90,
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=False,
        ws_ping_interval=None,
    )
    web = _Server(config)
    task = asyncio.create_task(web.serve(sockets=[listener]), name="api-https")
    try:
        await _started(web, task)
        yield task
    finally:
        server.core.store.watchers.close()
        web.should_exit = True
        await asyncio.wait((task,), timeout=SHUTDOWN_TIMEOUT_S)
        web.abort_connections()
        await task
        await asyncio.sleep(0)  # the transports' own callbacks close their sockets


async def _started(web: _Server, task: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(web.ready.wait(), name="api-https-ready")
    await asyncio.wait((ready, task), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        raise PocketError("the API server ended while starting; its log says why")
