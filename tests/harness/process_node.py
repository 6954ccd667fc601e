"""A node for tests of the API server alone: commands run as plain processes, ports are this machine's, logs
are a list.

It implements the kubelet's side of `NodeGateway` for real, without a sandbox, so that exec, logs and
port-forward can be tried with real clients before any kubelet exists.
"""

from __future__ import annotations

import asyncio
import os
import pty
import struct
import termios
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from fcntl import ioctl
from typing import Any

from autostack.pocket.node import LogOptions, Usage


class ProcessSession:
    """One process; with a terminal its output is all stdout."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int | None) -> None:
        self._process = process
        self._terminal = terminal

    async def read_stdout(self) -> bytes:
        if self._terminal is not None:
            try:
                return await asyncio.to_thread(os.read, self._terminal, 4096)
            except OSError:
                return b""
        return await self._process.stdout.read(4096) if self._process.stdout else b""

    async def read_stderr(self) -> bytes:
        return await self._process.stderr.read(4096) if self._process.stderr else b""

    async def write_stdin(self, data: bytes) -> None:
        if self._terminal is not None:
            os.write(self._terminal, data)
        elif self._process.stdin:
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def close_stdin(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()

    def resize(self, columns: int, rows: int) -> None:
        if self._terminal is not None:
            ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def wait(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()


class AttachedLines:
    """Follows the lines; they never end by themselves."""

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines

    async def read_stdout(self) -> bytes:
        return await anext(self._lines, b"")

    async def read_stderr(self) -> bytes:
        return b""

    async def write_stdin(self, data: bytes) -> None:
        del data

    async def close_stdin(self) -> None:
        return

    def resize(self, columns: int, rows: int) -> None:
        del columns, rows

    async def wait(self) -> int:
        return 0

    async def kill(self) -> None:
        return


@dataclass
class ProcessNode:
    """The gateway; `lines` is every container's log, and `following` wakes those who follow it."""

    lines: list[bytes] = field(default_factory=list)
    address: str = "127.0.0.1"
    usage: Usage = field(default_factory=lambda: Usage(12_000_000, 64 * 1024 * 1024))

    async def logs(self, pod: dict[str, Any], options: LogOptions) -> AsyncIterator[bytes]:
        del pod
        sent = len(self.lines) - (options.tail_lines if options.tail_lines is not None else len(self.lines))
        while True:
            for line in self.lines[sent:]:
                sent += 1
                yield line
            if not options.follow:
                return
            await asyncio.sleep(0.01)

    async def exec(
        self, pod: dict[str, Any], container: str, command: list[str], *, tty: bool, stdin: bool
    ) -> ProcessSession:
        del pod, container
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        if not tty:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe if stdin else nothing, stdout=pipe, stderr=pipe
            )
            return ProcessSession(process, None)
        parent, child = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *command, stdin=child, stdout=child, stderr=child, start_new_session=True
        )
        os.close(child)
        return ProcessSession(process, parent)

    async def attach(self, pod: dict[str, Any], container: str, *, stdin: bool) -> AttachedLines:
        del stdin
        return AttachedLines(self.logs(pod, LogOptions(container, follow=True, tail_lines=0)))

    async def dial(self, pod: dict[str, Any], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        del pod
        return await asyncio.open_connection(self.address, port)

    def pod_usage(self, namespace: str, name: str) -> dict[str, Usage]:
        del namespace, name
        return {"app": self.usage}

    def node_usage(self) -> Usage:
        return self.usage
