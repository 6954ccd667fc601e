"""The system behind its ingress: what does not answer is told in one line, with the place and the cause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from autostack.errors import UnavailableError
from autostack.resilience.system import System


@asynccontextmanager
async def ingress(answer: bytes) -> AsyncIterator[str]:
    """Something that gives every request the same answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "(status 503)"),
        (b"", "(RemoteProtocolError "),
    ],
    ids=["refused", "cut off"],
)
async def test_what_does_not_answer_is_told_in_one_line(answer: bytes, cause: str) -> None:
    async with ingress(answer) as url, System(url) as system:
        with pytest.raises(UnavailableError) as told:
            await system.run()
    message = str(told.value)
    assert message.startswith(f"sender.localhost/ledger does not answer through {url} ")
    assert cause in message
    assert "\n" not in message
