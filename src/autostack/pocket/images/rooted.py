"""Paths inside a tree that is not trusted, as a process whose root is the tree would find them.

An image's layers and a container's root may hold any symlink; `etc -> /etc` must mean the tree's own /etc and
never the host's. Nobody else may change the tree meanwhile: it is not yet, or no longer, a pod's.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_MAX_LINKS = 40


def resolved(tree: Path, path: str | PurePosixPath) -> Path:
    """Where `path` is, all symlinks followed inside the tree; nothing needs to exist."""
    return _walk(tree, tree, PurePosixPath(path).parts, links=0)


def entry(tree: Path, path: str | PurePosixPath) -> Path:
    """The place of `path` itself, which may be a symlink; the folders above it are made."""
    pure = PurePosixPath(path)
    return folder(tree, pure.parent) / pure.name


def folder(tree: Path, path: str | PurePosixPath) -> Path:
    """The folder at `path`, made if need be."""
    found = resolved(tree, path)
    found.mkdir(parents=True, exist_ok=True)
    return found


def _walk(tree: Path, start: Path, parts: Iterable[str], *, links: int) -> Path:
    current = start
    for part in parts:
        if part == "/":
            continue
        if part == "..":
            current = current if current == tree else current.parent
            continue
        current = current / part
        if current.is_symlink():
            if links == _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(current))
            link = current.readlink()
            current = _walk(tree, tree if link.is_absolute() else current.parent, link.parts, links=links + 1)
    return current
