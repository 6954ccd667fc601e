"""The HTTP server of a service and its orderly end.

On SIGTERM: unready at once; `DRAIN_DELAY_S` later, when balancers have noticed, the socket closes; what was
accepted is answered; the application's lifespan flushes and closes; exit 0. If that takes longer than
`SHUTDOWN_TIMEOUT_S`, exit 1: the supervisor learns that something was stuck. A second signal skips the delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

import uvicorn
import uvloop
from fastapi import FastAPI

from service_kit.errors import FailureError, ServiceKitError, StartError
from service_kit.joined_writes import JoiningProtocol
from service_kit.lifecycle import Phase
from service_kit.logs import configure_logs
from service_kit.service import Service
from service_kit.settings import ServiceSettings, load_settings

S = TypeVar("S", bound=ServiceSettings)

log = logging.getLogger(__name__)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, and with an event for the moment at which it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are ours."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start; a lifespan that failed is an error, not an exit from inside a library."""
        try:
            await super().startup(sockets)
        except SystemExit:
            raise StartError("the service could not start; the log says why") from None
        self.accepting.set()


class HttpServer:
    """One service on one socket; `start` returns when it accepts, `stop` when all that was accepted is
    answered.
    """

    def __init__(self, service: Service[ServiceSettings], application: FastAPI) -> None:
        self._service = service
        self._listener = bind(service.settings.listen_host, service.settings.listen_port)
        host, port = self._listener.getsockname()[:2]
        self.url = f"http://{host}:{port}"
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                application,
                http=JoiningProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here decides by a client's address
                timeout_keep_alive=75,  # longer than balancers keep theirs, so that they close first
                backlog=2048,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open what the lifespan opens, accept, and be ready. Raises StartError."""
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._listener]), name="http server")
        accepting = asyncio.create_task(self._uvicorn.accepting.wait(), name="http server accepts")
        await asyncio.wait({serving, accepting}, return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        if serving.done():
            self._listener.close()
            await serving
            raise StartError("the server ended while starting; the log says why")
        self._serving = serving
        self._service.lifecycle.advance(Phase.READY)
        log.info("ready", extra={"url": self.url})

    async def stop(self, *, at_once: asyncio.Event | None = None) -> None:
        """Drain and close; `at_once` cuts the drain delay short. Raises TimeoutError when the work does not
        end.
        """
        if self._serving is None:
            return
        settings = self._service.settings
        self._service.lifecycle.advance(Phase.DRAINING)
        log.info("draining", extra={"delay_s": settings.drain_delay_s})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for((at_once or asyncio.Event()).wait(), settings.drain_delay_s)
        self._uvicorn.should_exit = True
        async with asyncio.timeout(settings.shutdown_timeout_s):
            await self._serving
        self._service.lifecycle.advance(Phase.CLOSED)
        log.info("closed")

    async def ended(self) -> None:
        """Return, or raise, when the server ends by itself."""
        if self._serving is not None:
            await asyncio.shield(self._serving)


def bind(host: str, port: int) -> socket.socket:
    """A listening address, taken before anything is opened; raises StartError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"cannot listen on {host}:{port} (LISTEN_HOST, LISTEN_PORT): {error.strerror}"
        ) from error
    return listener


def run(name: str, settings_type: type[S], build: Callable[[Service[S]], FastAPI]) -> NoReturn:
    """The whole life of a service's process: settings, logs, serving, draining, exit code."""
    try:
        settings = load_settings(settings_type, os.environ)
        service = Service(name, settings)
        configure_logs(settings.log_level, service.identity)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_until_signal(service, build))
    except ServiceKitError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except TimeoutError:
        log.critical("gave up", extra={"timeout_s": settings.shutdown_timeout_s})
        sys.stderr.flush()
        os._exit(1)  # what is stuck may be a thread, which an orderly exit would wait for
    sys.exit(0)


def _settle_memory() -> None:
    """What has been made until now stays for good: the collector need not walk it in the middle of a request,
    which takes tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


async def _serve_until_signal(service: Service[S], build: Callable[[Service[S]], FastAPI]) -> None:
    stop, at_once = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: at_once.set() if stop.is_set() else stop.set())
    server = HttpServer(service, build(service))
    starting = asyncio.create_task(server.start(), name="start")
    stopping = asyncio.create_task(stop.wait(), name="stop signal")
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()  # nothing was accepted yet, so there is nothing to drain
        return
    await starting
    _settle_memory()
    ended = asyncio.create_task(server.ended(), name="server ended")
    failed = asyncio.create_task(service.lifecycle.failed(), name="failure")
    await asyncio.wait({ended, stopping, failed}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        raise FailureError("the HTTP server ended unasked; the log says why")
    await server.stop(at_once=at_once)
    if service.lifecycle.failure is not None:
        raise FailureError(f"{service.lifecycle.failure}; the log says why")
