"""A program's input: a named pipe in its attempt's folder, so that a later kubelet finds it too.

Our end is what keeps the input open: when the control plane is killed, a program that reads its input
sees its end.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

FULL_PIPE_S = 0.01


class StandardInput:
    """Our end of the pipe. `attached` tells that a client has had it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.attached = False

    @staticmethod
    def path_in(attempt: Path) -> Path:
        """Where an attempt has its input, if it has one."""
        return attempt / "stdin"

    @classmethod
    def make(cls, attempt: Path) -> None:
        """Make the pipe, before the program starts."""
        os.mkfifo(cls.path_in(attempt), 0o600)

    @classmethod
    def of(cls, attempt: Path) -> StandardInput | None:
        """The input of an attempt, if it has one that has not ended."""
        path = cls.path_in(attempt)
        return cls(path) if path.exists() else None

    async def write(self, data: bytes) -> None:
        """Pass input on, as fast as the program reads; what comes after the end is dropped."""
        rest = memoryview(data)
        while rest and self._fd >= 0:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                await asyncio.sleep(FULL_PIPE_S)

    def end(self) -> None:
        """Let the program see the end of its input, for good."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the pipe."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
