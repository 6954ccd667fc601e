"""A pod's volumes on disk: folders, files that change as a whole, and paths of the host.

Files of ConfigMaps, Secrets and tokens are switched by one rename of a symlink, as a kubelet does it, so a
reader sees either all the old files or all the new ones. Empty folders in memory live in /dev/shm.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from autostack.pocket.client import Object
from autostack.pocket.kubelet.errors import MountError
from autostack.pocket.kubelet.projection import Files
from autostack.pocket.kubelet.sandbox import Mount, inside_container

DATA = "..data"
_CREATES = {"DirectoryOrCreate", "FileOrCreate"}
_CHECKS: dict[str, Callable[[Path], bool]] = {
    "Directory": Path.is_dir,
    "DirectoryOrCreate": Path.is_dir,
    "File": Path.is_file,
    "FileOrCreate": Path.is_file,
    "Socket": Path.is_socket,
    "CharDevice": Path.is_char_device,
    "BlockDevice": Path.is_block_device,
}


def write_files(folder: Path, files: Files) -> bool:
    """Make the folder show exactly these files, at once; False when it already did."""
    folder.mkdir(parents=True, exist_ok=True)
    if _shown(folder) == {path: (file.content, file.mode) for path, file in files.items()}:
        return False
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    fresh.chmod(0o755)
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    old = (folder / DATA).readlink() if (folder / DATA).is_symlink() else None
    link = folder / f"{DATA}_tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.rename(folder / DATA)
    _link_names(folder, {PurePosixPath(path).parts[0] for path in files})
    if old is not None:
        shutil.rmtree(folder / old, ignore_errors=True)
    return True


def _shown(folder: Path) -> dict[str, tuple[bytes, int]] | None:
    data = folder / DATA
    if not data.is_dir():
        return None
    files = [path for path in data.rglob("*") if path.is_file()]
    return {str(path.relative_to(data)): (path.read_bytes(), path.stat().st_mode & 0o7777) for path in files}


def _link_names(folder: Path, names: set[str]) -> None:
    present = {entry.name for entry in folder.iterdir() if not entry.name.startswith("..")}
    for name in present - names:
        (folder / name).unlink()
    for name in names - present:
        (folder / name).symlink_to(f"{DATA}/{name}")


def empty_folder(pod_folder: Path, name: str, source: Mapping[str, Any], *, memory: Path) -> Path:
    """An emptyDir's folder."""
    in_memory = source.get("medium") == "Memory"
    if in_memory:
        _own(memory)
    folder = (memory / pod_folder.name if in_memory else pod_folder / "volumes") / name
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder


def _own(memory: Path) -> None:
    """Make the folder in shared memory ours alone; raises MountError when it is another user's."""
    memory.mkdir(mode=0o700, exist_ok=True)
    found = memory.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise MountError(f"{memory} is not this user's; remove it")
    if found.st_mode & 0o077:
        memory.chmod(0o700)


def host_path(source: Mapping[str, Any]) -> Path:
    """A hostPath, made or checked as its type says; raises MountError."""
    path, kind = Path(source["path"]), source.get("type") or ""
    try:
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        elif kind == "FileOrCreate":
            path.touch(exist_ok=True)
        if kind and not _CHECKS[kind](path):
            raise MountError(
                f"hostPath type check failed: {path} is not a {kind.removesuffix('OrCreate').lower()}"
            )
        if not path.exists():
            path.mkdir(parents=True)
    except OSError as error:
        raise MountError(f"hostPath {path}: {error.strerror}") from error
    return path


def claim_path(claim: Object | None, name: str, find_volume: Callable[[str], Object | None]) -> Path:
    """The folder behind a PersistentVolumeClaim; raises MountError while it is not bound."""
    if claim is None:
        raise MountError(f'persistentvolumeclaim "{name}" not found')
    volume_name = claim["spec"].get("volumeName")
    if not volume_name or (claim.get("status") or {}).get("phase") != "Bound":
        raise MountError(f'persistentvolumeclaim "{name}" is not bound')
    volume = find_volume(volume_name)
    if volume is None:
        raise MountError(f'persistentvolume "{volume_name}" not found')
    source = volume["spec"].get("hostPath") or volume["spec"].get("local")
    if not source:
        raise MountError(f'persistentvolume "{volume_name}" is neither hostPath nor local')
    return host_path({"type": "DirectoryOrCreate", **source})


def mount_of(entry: Mapping[str, Any], source: Path, *, read_only: bool, sub_path: str) -> Mount:
    """One volumeMount as a mount; raises MountError when its subPath leaves the volume."""
    if sub_path:
        pure = PurePosixPath(sub_path)
        if pure.is_absolute() or ".." in pure.parts:
            raise MountError(f"subPath {sub_path!r} leaves the volume")
        resolved = (source / sub_path).resolve()
        if not resolved.is_relative_to(source.resolve()):  # by a symlink that a pod has left there
            raise MountError(f"subPath {sub_path!r} leaves the volume")
        if not resolved.exists() and not read_only:
            resolved.mkdir(parents=True)
            resolved.chmod(0o777)
        if not resolved.exists():
            raise MountError(f"subPath {sub_path!r} does not exist in the volume")
        source = resolved
    target = inside_container(entry["mountPath"])
    return Mount(str(source), target, read_only or bool(entry.get("readOnly")))


def forget_volumes(pod_folder: Path, *, memory: Path) -> None:
    """Remove what the pod's volumes hold on this node; claims and host paths are not touched."""
    shutil.rmtree(memory / pod_folder.name, ignore_errors=True)
    with contextlib.suppress(OSError):
        memory.rmdir()
