"""Paths inside a tree that is not trusted, as a process whose root is the tree would find them.

An image's layers and a container's root may hold any symlink; `etc -> /etc` must mean the tree's own /etc and
never the host's. Nobody else may change the tree meanwhile: it is not yet, or no longer, a pod's.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath

_MAX_LINKS = 40


def resolved(tree: Path, path: str | PurePosixPath) -> Path:
    """Where `path` is, all symlinks followed inside the tree; nothing needs to exist."""
    current, links = tree, 0
    ahead = list(reversed(PurePosixPath(path).parts))
    while ahead:
        part = ahead.pop()
        if part == "/":
            current = tree
        elif part == "..":
            current = current if current == tree else current.parent
        elif (current / part).is_symlink():
            links += 1
            if links > _MAX_LINKS:  # as in the kernel, of the whole path: links may double at each step
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(current / part))
            ahead.extend(reversed((current / part).readlink().parts))
        else:
            current = current / part
    return current


def entry(tree: Path, path: str | PurePosixPath) -> Path:
    """The place of `path` itself, which may be a symlink; the folders above it are made."""
    pure = PurePosixPath(path)
    return folder(tree, pure.parent) / pure.name


def folder(tree: Path, path: str | PurePosixPath) -> Path:
    """The folder at `path`, made if need be."""
    found = resolved(tree, path)
    found.mkdir(parents=True, exist_ok=True)
    return found
