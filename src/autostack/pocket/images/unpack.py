"""Layers to one merged tree, once per image, in a cache addressed by content.

The tree appears by a rename when it is complete, so a crash leaves no half image. Whiteouts are
honoured; entries that would land outside the tree, devices and owners are refused or dropped, because
the sandbox maps one user only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from autostack.pocket.images.errors import PullError

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


def unpacked(cache: Path, layers: Iterable[tuple[str, Path]]) -> Path:
    """The merged tree of these (digest, file) layers, made now if it is not in the cache."""
    layers = list(layers)
    name = hashlib.sha256(" ".join(digest for digest, _ in layers).encode()).hexdigest()
    tree = cache / name
    if tree.is_dir():
        return tree
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=cache))
    fresh.chmod(0o755)
    try:
        for digest, path in layers:
            _apply(fresh, digest, path)
        try:
            fresh.rename(tree)
        except OSError:
            if not tree.is_dir():  # else another start has just finished the same image
                raise
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PullError(f"the image's layers can't be unpacked: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return tree


def _apply(tree: Path, digest: str, layer: Path) -> None:
    with tarfile.open(layer) as archive:
        for member in archive:
            path = PurePosixPath("/", member.name).relative_to("/")
            if ".." in path.parts:
                raise PullError(f"layer {digest} is refused: entry {member.name!r} leaves the image")
            if not path.parts:
                continue
            target = _inside(tree, path)
            if path.name == _OPAQUE:
                _clear(target.parent)
            elif path.name.startswith(_WHITEOUT):
                _remove(target.with_name(path.name.removeprefix(_WHITEOUT)))
            else:
                _place(archive, member, tree, target)


def _inside(tree: Path, path: PurePosixPath) -> Path:
    """The place of an entry, with symlinked parents resolved as if the tree were the root."""
    current = tree
    for part in path.parts[:-1]:
        current = _resolve(tree, current / part, depth=0)
        current.mkdir(parents=True, exist_ok=True)
    return current / path.name


def _resolve(tree: Path, path: Path, *, depth: int) -> Path:
    if not path.is_symlink() or depth > 40:
        return path
    link = path.readlink()
    base = tree if link.is_absolute() else path.parent
    for part in (one for one in link.parts if one != "/"):
        base = base.parent if part == ".." and base != tree else base if part == ".." else base / part
        base = _resolve(tree, base, depth=depth + 1)
    return base


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, tree: Path, target: Path) -> None:
    if not (member.isdir() and target.is_dir() and not target.is_symlink()):
        _remove(target)
    if member.isdir():
        target.mkdir(exist_ok=True)
        target.chmod(member.mode & 0o777 | 0o700)
    elif member.isreg():
        source = archive.extractfile(member)
        if source is None:
            raise PullError(f"entry {member.name!r} has no content")
        with source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
        target.chmod(member.mode & 0o777 | 0o400)
        os.utime(target, (member.mtime, member.mtime))
    elif member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        target.hardlink_to(_inside(tree, PurePosixPath("/", member.linkname).relative_to("/")))
    # Devices and FIFOs have no use here: /dev is the sandbox's own.


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        _remove(entry)
