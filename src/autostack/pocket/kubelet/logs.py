"""Container output: written by the program itself, bounded, and readable by time.

The program's stdout and stderr are one append-only file, so nothing of ours is in the way and a crash of ours
loses nothing. When it grows past its bound, the beginning is punched out of the file: offsets stay, no line
that is being written is lost, and the disk space is free. Times are kept beside it: once a second, for a
file that has grown, its size and the time. So `--timestamps` and `--since` are exact to a second, at the
cost of one stat a second for each container.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEEP_BYTES = 10 << 20
SLACK_BYTES = 2 << 20
FOLLOW_S = 0.1
_CHUNK = 1 << 16
_RECORD = struct.Struct("<Qd")
_PUNCH_AND_KEEP_SIZE = 3
_BLOCK = 4096

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the output is wanted, and how; `since` in seconds since the epoch, `start` an offset."""

    follow: bool = False
    timestamps: bool = False
    since: float | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None
    start: int = 0


class LogFile:
    """One attempt's output."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._times_path = path.with_name("log.times")
        self._marked: int | None = None

    def mark(self, now: float) -> None:
        """Note how far the file has come, and keep it within its bound."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        times = self._times() if self._marked is None else None
        if times is not None:
            self._marked = times[-1][0] if times else 0
        if size == self._marked:
            return
        if self._marked is not None and size < self._marked:  # the program has emptied its own output
            self._times_path.unlink(missing_ok=True)
        with self._times_path.open("ab") as file:
            file.write(_RECORD.pack(size, now))
        self._marked = size
        head = self._head()
        if size - head > KEEP_BYTES + SLACK_BYTES:
            self._punch((size - KEEP_BYTES) // _BLOCK * _BLOCK)

    def _times(self) -> list[tuple[int, float]]:
        """(size, when it was reached), growing; the first is (head, 0) once the beginning is gone."""
        try:
            data = self._times_path.read_bytes()
        except FileNotFoundError:
            return []
        return [_RECORD.unpack_from(data, at) for at in range(0, len(data) - _RECORD.size + 1, _RECORD.size)]

    def _head(self) -> int:
        times = self._times()
        return times[0][0] if times and times[0][1] == 0 else 0

    def _punch(self, head: int) -> None:
        with self.path.open("r+b") as file:
            if _libc.fallocate(file.fileno(), _PUNCH_AND_KEEP_SIZE, 0, head) != 0:
                return  # this file system can't; the output is kept whole
        kept = [(head, 0.0), *(entry for entry in self._times() if entry[0] > head)]
        fresh = self._times_path.with_suffix(".new")
        fresh.write_bytes(b"".join(_RECORD.pack(*entry) for entry in kept))
        fresh.rename(self._times_path)

    async def read(self, wanted: Selection, *, has_ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        """The selected output in pieces; with `follow` until the container has ended and all is read."""
        with self.path.open("rb", buffering=0) as file:
            times = self._times()
            position = self._start(file.fileno(), wanted, times)
            left = wanted.limit_bytes
            stamper = _Stamper(position, self._times) if wanted.timestamps else None
            while left is None or left > 0:
                over = has_ended()  # asked before reading: what is read after it is all there is
                position = min(position, os.fstat(file.fileno()).st_size)
                piece = os.pread(file.fileno(), _CHUNK, position)
                if not piece:
                    rest = stamper.rest() if stamper is not None and (over or not wanted.follow) else b""
                    if rest:
                        yield rest[:left] if left is not None else rest
                    if over or not wanted.follow:
                        return
                    await asyncio.sleep(FOLLOW_S)
                    continue
                position += len(piece)
                out = stamper.stamp(piece) if stamper is not None else piece
                out = out if left is None else out[:left]
                left = None if left is None else left - len(out)
                if out:
                    yield out

    def _start(self, fd: int, wanted: Selection, times: list[tuple[int, float]]) -> int:
        head = times[0][0] if times and times[0][1] == 0 else 0
        start = _next_line(fd, head) if head else 0
        if wanted.since is not None:
            first = bisect_left([when for _, when in times], wanted.since)
            start = max(start, times[first - 1][0] if first else 0)
        start = max(start, wanted.start)
        if wanted.tail_lines is not None:
            start = max(start, _tail(fd, wanted.tail_lines, floor=start))
        return start


class _Stamper:
    """Puts the time in front of every line."""

    def __init__(self, position: int, times: Callable[[], list[tuple[int, float]]]) -> None:
        self._position = position
        self._load = times
        self._times = times()
        self._pending = b""

    def stamp(self, piece: bytes) -> bytes:
        *lines, self._pending = (self._pending + piece).split(b"\n")
        return b"".join(self._line(line + b"\n") for line in lines)

    def rest(self) -> bytes:
        line, self._pending = self._pending, b""
        return self._line(line) if line else b""

    def _line(self, line: bytes) -> bytes:
        if self._times and self._position >= self._times[-1][0]:
            self._times = self._load()
        after = bisect_right([size for size, _ in self._times], self._position)
        moment = (
            datetime.fromtimestamp(self._times[after][1], UTC)
            if after < len(self._times)
            else datetime.now(UTC)
        )
        self._position += len(line)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ ").encode() + line


def _next_line(fd: int, position: int) -> int:
    found = os.pread(fd, _CHUNK, position).find(b"\n")
    return position + found + 1 if found >= 0 else position


def _tail(fd: int, lines: int, *, floor: int) -> int:
    """The offset at which the last `lines` lines begin, not before `floor`."""
    end = position = os.fstat(fd).st_size
    missing = lines
    if end and os.pread(fd, 1, end - 1) == b"\n":
        missing += 1
    while position > floor:
        start = max(position - _CHUNK, floor)
        piece = os.pread(fd, position - start, start)
        breaks = piece.count(b"\n")
        if breaks >= missing:
            at = len(piece)
            for _ in range(missing):
                at = piece.rfind(b"\n", 0, at)
            return start + at + 1
        missing -= breaks
        position = start
    return end if lines == 0 else floor


def end_of(path: Path, size_bytes: int) -> str:
    """The last bytes of a file, as text; nothing when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - size_bytes, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
