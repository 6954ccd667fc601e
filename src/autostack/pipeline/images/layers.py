"""Files to tar bytes, always the same bytes for the same files. Pure.

A layer is a sequence of segments, each a run of complete tar entries, then the end mark. So a segment can be
cached by itself (one per package) and a layer is put together by concatenation. Parent folders are
repeated in every segment; unpacking a folder twice is harmless.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a layer; with `link`, a symbolic link to the path in `content`."""

    path: str
    content: bytes
    executable: bool = False
    link: bool = False


def segment(entries: Iterable[Entry], mtime_s: int) -> bytes:
    """Tar entries in the order of their paths, each folder before what is in it, all owned by root."""
    out = io.BytesIO()
    folders: set[str] = set()
    for entry in sorted(entries, key=lambda one: one.path):
        for parent in reversed(PurePosixPath(entry.path).parents[:-1]):
            if str(parent) not in folders:
                folders.add(str(parent))
                out.write(_header(f"{parent}/", mtime_s, kind=tarfile.DIRTYPE, mode=0o755))
        if entry.link:
            target = entry.content.decode()
            out.write(_header(entry.path, mtime_s, kind=tarfile.SYMTYPE, mode=0o777, target=target))
        else:
            mode = 0o755 if entry.executable else 0o644
            size = len(entry.content)
            out.write(_header(entry.path, mtime_s, kind=tarfile.REGTYPE, mode=mode, size=size))
            out.write(entry.content)
            out.write(bytes(-size % tarfile.BLOCKSIZE))
    return out.getvalue()


def _header(path: str, mtime_s: int, *, kind: bytes, mode: int, size: int = 0, target: str = "") -> bytes:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size, info.mtime, info.linkname = kind, mode, size, mtime_s, target
    return info.tobuf(tarfile.PAX_FORMAT, errors="strict")
