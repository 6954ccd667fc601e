"""Attaching to a container's own program: its input is a named pipe beside its log, its output is the log.

Who attaches sees the output from then on; the first one to a container with `stdinOnce` sees all of it, so
that nothing is lost between the start and `kubectl run -i`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
from collections.abc import AsyncIterator

from autostack.pocket.kubelet.process import Process


class AttachSession:
    """One client beside the program; implements ExecSession. It ends with the program or by the client."""

    def __init__(
        self, process: Process, output: AsyncIterator[bytes], *, stdin: bool, once: bool, terminal: bool
    ) -> None:
        self._process = process
        self._output = output
        self._stdin = process.input if stdin else None
        self._once = once
        self._terminal = terminal

    async def read_stdout(self) -> bytes:
        """The next output of either stream, which are one file; b"" when the program has ended."""
        return await anext(self._output, b"")

    async def read_stderr(self) -> bytes:
        """Nothing of its own."""
        return b""

    async def write_stdin(self, data: bytes) -> None:
        """Pass input on."""
        if self._stdin is not None:
            await self._stdin.write(data)

    async def close_stdin(self) -> None:
        """End the program's input where the container has `stdinOnce`; else the next client may go on."""
        if self._stdin is not None and self._once and not self._terminal:
            self._stdin.end()

    def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal, which is the program's input, its size."""
        if not self._terminal:
            return
        with contextlib.suppress(OSError, termios.error):  # it has just ended, or has closed its input
            terminal = os.open(f"/proc/{self._process.child_pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
            try:
                termios.tcsetwinsize(terminal, (rows, columns))
            finally:
                os.close(terminal)

    async def wait(self) -> int:
        """The program's exit code."""
        return await asyncio.shield(self._process.ended) or 0

    async def kill(self) -> None:
        """Leave; the program goes on."""
        await self.close_stdin()
