"""Layers to trees, in a cache addressed by content: one tree per layer, and one per image made of hard links.

A layer is unpacked once, whichever images, versions and clusters use it; an image's tree then costs a link
for each file and no copy. A tree appears by a rename when it is complete and on the disk, so neither a crash
nor a power cut leaves half of one, and nothing is unpacked before its bytes were found to be what their
digest says. Whiteouts are honoured; entries that would land outside the tree are refused, devices and owners
dropped, because the sandbox maps one user only. The price of links: who writes into one image's files would
write into all, so trees are mounted read-only or copied.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from autostack.pocket.images import rooted
from autostack.pocket.images.errors import PullError
from autostack.pocket.images.expiry import mark_used
from autostack.pocket.images.layout import Layer, verified

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_CHUNK = 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)


def unpacked(cache: Path, layers: Sequence[Layer]) -> Path:
    """The merged tree of these layers, made now if it is not in the cache; raises PullError."""
    name = hashlib.sha256(" ".join(layer.digest for layer in layers).encode()).hexdigest()
    tree = cache / "images" / name
    if not mark_used(tree):
        trees = [_layer_tree(cache / "layers", layer) for layer in layers]

        def fill(fresh: Path) -> None:
            for source in trees:
                _merge(source, fresh)

        _appear(tree, fill)
    return tree


def _layer_tree(cache: Path, layer: Layer) -> Path:
    """One layer as it is, its whiteouts as the marker files that they are in the archive."""
    tree = cache / layer.digest.removeprefix("sha256:")
    if not mark_used(tree):
        verified(layer.path, layer.digest)
        _appear(tree, lambda fresh: _Extraction(fresh, layer.digest).extract(layer.path))
    return tree


def _appear(tree: Path, fill: Callable[[Path], None]) -> None:
    """Make a tree, complete or not at all."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=tree.parent))
    fresh.chmod(0o755)
    try:
        fill(fresh)
        _reach_disk(fresh)
        try:
            fresh.rename(tree)
        except OSError:
            if not tree.is_dir():  # else another start has just finished the same one
                raise
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PullError(f"the image's layers can't be unpacked: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _reach_disk(folder: Path) -> None:
    """Wait until its file system is on the disk: else a power cut may keep the rename and empty the files."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(fd)


class _Extraction:
    """One archive into one folder, which is `/` for every path and link in it."""

    def __init__(self, root: Path, digest: str) -> None:
        self._root = root
        self._digest = digest
        self._folders: dict[PurePosixPath, Path] = {}
        """Where folders are, as looked up since the last change of a link or folder."""

    def extract(self, archive: Path) -> None:
        with tarfile.open(archive) as members:
            for member in members:
                path = PurePosixPath("/", member.name).relative_to("/")
                if ".." in path.parts:
                    raise self._refused(f"entry {member.name!r} leaves the image")
                if path.name.startswith(_WHITEOUT) and path.name.removeprefix(_WHITEOUT) in ("", ".", ".."):
                    raise self._refused(f"the whiteout {member.name!r} names no entry")
                if path.parts:
                    self._place(members, member, self._entry(path))

    def _refused(self, why: str) -> PullError:
        return PullError(f"layer {self._digest} is refused: {why}")

    def _entry(self, path: PurePosixPath) -> Path:
        """The place of an entry; most follow another one of the same folder."""
        folder = self._folders.get(path.parent)
        if folder is None:
            folder = self._folders[path.parent] = rooted.folder(self._root, path.parent)
        return folder / path.name

    def _place(self, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
        if member.isdir():
            if not target.is_dir() or target.is_symlink():
                self._remove(target)
                target.mkdir()
            target.chmod(member.mode & 0o777 | 0o700)
            return
        self._remove(target)
        if member.isreg():
            source = archive.extractfile(member)
            if source is None:
                raise self._refused(f"entry {member.name!r} has no content")
            with source, target.open("wb") as out:
                shutil.copyfileobj(source, out, _CHUNK)
            target.chmod(member.mode & 0o777 | 0o400)
            os.utime(target, (member.mtime, member.mtime))
        elif member.issym():
            target.symlink_to(member.linkname)
            self._folders.clear()
        elif member.islnk():
            self._link(member, target)
        # Devices and FIFOs have no use here: /dev is the sandbox's own.

    def _link(self, member: tarfile.TarInfo, target: Path) -> None:
        linked = PurePosixPath("/", member.linkname).relative_to("/")
        source = self._root if ".." in linked.parts else self._entry(linked)
        if source.is_symlink() or not source.is_file():
            raise self._refused(
                f"the hard link {member.name!r} to {member.linkname!r} names no file of the image"
            )
        target.hardlink_to(source)

    def _remove(self, target: Path) -> None:
        if _remove(target):
            self._folders.clear()


def _merge(source: Path, target: Path) -> None:
    """Lay a layer's folder over the same folder of the lower ones; what it hides goes first."""
    entries = list(os.scandir(source))
    hidden = [entry.name for entry in entries if entry.name.startswith(_WHITEOUT)]
    if _OPAQUE in hidden:
        for below in list(target.iterdir()):
            _remove(below)
    for name in hidden:
        if name != _OPAQUE:
            _remove(target / name.removeprefix(_WHITEOUT))
    for entry in entries:
        if entry.name.startswith(_WHITEOUT):
            continue
        place = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            if not place.is_dir() or place.is_symlink():
                _remove(place)
                place.mkdir()
            place.chmod(entry.stat(follow_symlinks=False).st_mode & 0o777)
            _merge(Path(entry.path), place)
        else:
            _remove(place)
            _link(entry.path, place)


def _link(source: str, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # more links than the file system allows
        shutil.copy2(source, target, follow_symlinks=False)


def _remove(path: Path) -> bool:
    """Whether there was something that is gone now."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(path)
    return True
