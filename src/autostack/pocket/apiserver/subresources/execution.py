"""pods/exec and pods/attach over a WebSocket: streams multiplexed by a leading channel byte.

Channels: 0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4 terminal size; in v5 also 255, which closes the
channel that follows. attach joins the container's own program, whose exit code is told in the pod's status.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.http.websocket import WebSocket
from autostack.pocket.apiserver.subresources.log import container_of, node_of
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.errors import bad_request
from autostack.pocket.node import ExecSession

V5 = "v5.channel.k8s.io"
PROTOCOLS = (V5, "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
SUCCESS = {"metadata": {}, "status": "Success"}


async def serve(
    core: Core, call: Call, request: Request, protocols: tuple[str, ...], socket: WebSocket
) -> None:
    """Run the command (or attach) and carry its streams until it ends or the client leaves."""
    pod = get(core, call).object
    container = container_of(pod, request.query.get("container", ""))
    node = node_of(core)
    wants_stdin = request.flag("stdin")
    if call.subresource == "attach":
        told = parting
        session = await node.attach(pod, container, stdin=wants_stdin)
    else:
        told = outcome
        command = request.multi.get("command", [])
        if not command:
            raise bad_request("you must specify at least one command for the container")
        session = await node.exec(pod, container, command, tty=request.flag("tty"), stdin=wants_stdin)
    try:
        await socket.accept(protocols, PROTOCOLS)
        await _carry(session, socket, told)
    finally:
        await session.kill()


async def _carry(session: ExecSession, socket: WebSocket, told: Callable[[int], dict[str, Any]]) -> None:
    reading = asyncio.create_task(_input(session, socket), name="exec-input")

    async def run() -> int:
        async with asyncio.TaskGroup() as streams:
            streams.create_task(_output(session.read_stdout, STDOUT, socket), name="exec-stdout")
            streams.create_task(_output(session.read_stderr, STDERR, socket), name="exec-stderr")
        return await session.wait()

    running = asyncio.create_task(run(), name="exec-run")
    try:
        await asyncio.wait((running, reading), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await finish(socket, told(running.result()))
    finally:
        for task in (running, reading):
            task.cancel()
        await asyncio.gather(running, reading, return_exceptions=True)


async def _output(read: Callable[[], Awaitable[bytes]], channel: int, socket: WebSocket) -> None:
    while data := await read():
        await socket.send(bytes([channel]) + data)


async def _input(session: ExecSession, socket: WebSocket) -> None:
    """Until the client leaves: its input, its end of input, its terminal's size."""
    while (message := await socket.receive()) is not None:
        if not message:
            continue
        channel, data = message[0], message[1:]
        if channel == STDIN and data:
            await session.write_stdin(data)
        elif channel == CLOSE and data[:1] == bytes([STDIN]):
            await session.close_stdin()
        elif channel == RESIZE:
            _resize(session, data)


def _resize(session: ExecSession, data: bytes) -> None:
    try:
        size = json.loads(data)
        session.resize(int(size["Width"]), int(size["Height"]))
    except (ValueError, KeyError, TypeError):
        return  # a terminal of unknown size keeps the one it has


def parting(code: int) -> dict[str, Any]:  # noqa: ARG001 - as `outcome`
    """The Status that ends an attach, however the program ended."""
    return SUCCESS


def outcome(code: int) -> dict[str, Any]:
    """The Status that ends an exec."""
    if code == 0:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def finish(socket: WebSocket, status: dict[str, Any]) -> None:
    """Send the final Status and close."""
    await socket.send(bytes([ERROR]) + json.dumps(status).encode())
    await socket.close()
