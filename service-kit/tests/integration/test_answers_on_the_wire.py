"""What is written in one turn of the loop goes out together, and nothing waits for more than that."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from fastapi import FastAPI
from harness.waiting import eventually
from service_kit import HttpServer, Service, ServiceSettings, build_application
from starlette.responses import StreamingResponse

PIECE = b"x" * 50_000
PIECES = 600


class Server:
    """A real server, and how many pieces of its streams it has made so far."""

    def __init__(self) -> None:
        self.made = 0
        self.go_on = asyncio.Event()
        settings = replace(ServiceSettings(), listen_port=0, drain_delay_s=0, shutdown_timeout_s=5)
        service = Service("example", settings)
        self.http = HttpServer(service, self._application(service))

    def _application(self, service: Service[ServiceSettings]) -> FastAPI:
        @contextlib.asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield

        application = build_application(service, title="example", description="", lifespan=lifespan)

        async def without_a_pause() -> AsyncIterator[bytes]:
            for _ in range(PIECES):
                self.made += 1
                yield PIECE

        async def with_a_pause() -> AsyncIterator[bytes]:
            yield b"first"
            await self.go_on.wait()
            yield b"second"

        @application.get("/long")
        async def long() -> StreamingResponse:
            return StreamingResponse(without_a_pause())

        @application.get("/paused")
        async def paused() -> StreamingResponse:
            return StreamingResponse(with_a_pause())

        return application

    async def ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One request on a connection of its own."""
        host, port = self.http.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 30)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return reader, writer


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    running = Server()
    await running.http.start()
    yield running
    running.go_on.set()
    await running.http.stop()


@pytest.mark.parametrize("path", ["/healthz", "/nowhere"])
async def test_an_answer_comes_whole_before_the_connection_is_closed(server: Server, path: str) -> None:
    reader, writer = await server.ask(path)
    head, _, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert body
    writer.close()


async def test_a_stream_that_pauses_is_heard_before_it_goes_on(server: Server) -> None:
    reader, writer = await server.ask("/paused")
    assert await asyncio.wait_for(reader.readuntil(b"first\r\n"), 20)
    server.go_on.set()
    assert b"second" in await asyncio.wait_for(reader.read(), 20)
    writer.close()


async def test_a_stream_waits_for_a_client_that_does_not_read(server: Server) -> None:
    reader, writer = await server.ask("/long")
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a stream's transport can
    seen = -1

    async def stands_still() -> bool:
        nonlocal seen
        before, seen = seen, server.made
        return 0 < before == seen

    await eventually(stands_still, what="the stream standing still")
    assert server.made < PIECES
    writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
    assert (await asyncio.wait_for(reader.read(), 60)).count(b"x") == PIECES * len(PIECE)
    writer.close()
