"""What a probe makes of answers that are not HTTP."""

from __future__ import annotations

import asyncio

import pytest

from autostack.pocket.kubelet.checks import CheckFailed, check


@pytest.mark.parametrize("answer", [b"x" * 100_000, b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", b"\0\r\n", b""])
async def test_an_answer_that_is_not_http_fails_the_probe_and_not_the_prober(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")  # unread, it would turn the end into a reset
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        action = {"httpGet": {"port": server.sockets[0].getsockname()[1], "path": "/"}}
        with pytest.raises(CheckFailed, match="is not HTTP"):
            await check(action, {"name": "main"}, pod_ip="127.0.0.1", target=None, timeout_s=30)


async def test_a_host_that_no_name_can_be_fails_the_probe() -> None:
    action = {"tcpSocket": {"port": 1, "host": "a" * 70 + ".example"}}
    with pytest.raises(CheckFailed):
        await check(action, {"name": "main"}, pod_ip="127.0.0.1", target=None, timeout_s=30)
