"""The sandbox of one container as a bubblewrap command line. Pure: data in, arguments out.

The root is a folder of the container's own (its writable layer); the host's userland and the image's
files are mounted over it read-only, then what the pod mounts. All arguments, with the environment
among them, are passed in a memory file (`--args`), so no other user can read a Secret from a process list.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

POD_FOLDER = "/.pod"
"""Where the pod's own hosts, hostname and resolv.conf are mounted; the files in /etc are symlinks into it."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A path of the host at a path of the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything that bubblewrap must know of a container."""

    root: str
    hostname: str
    uid: int
    gid: int
    working_dir: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    read_only_root: bool = False
    mounts: tuple[Mount, ...] = field(default=())
    hidden: tuple[str, ...] = ()
    """Folders below the mounts that are to look empty."""
    terminal: bool = False


def bwrap_arguments(sandbox: Sandbox) -> list[str]:
    """The options for `bwrap --args`, in the order in which they take effect, without the command."""
    arguments = [
        "--unshare-user", "--uid", str(sandbox.uid), "--gid", str(sandbox.gid),
        "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--hostname", sandbox.hostname,
        "--cap-drop", "ALL", "--as-pid-1",
        *(() if sandbox.terminal else ("--new-session",)),
        "--ro-bind" if sandbox.read_only_root else "--bind", sandbox.root, "/",
        "--proc", "/proc", "--dev", "/dev",
    ]  # fmt: skip
    for mount in outermost_first(sandbox.mounts):
        arguments += ["--ro-bind" if mount.read_only else "--bind", mount.source, mount.target]
    for folder in sandbox.hidden:
        arguments += ["--tmpfs", folder, "--remount-ro", folder]
    arguments += ["--clearenv"]
    for name, value in sandbox.environment.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--chdir", sandbox.working_dir]


def outermost_first(mounts: Iterable[Mount]) -> list[Mount]:
    """Mounts in an order that lets one be inside another; the later of two at one path wins."""
    at: dict[str, Mount] = {}
    for mount in mounts:
        at.pop(mount.target, None)
        at[mount.target] = mount
    return sorted(at.values(), key=lambda mount: len(PurePosixPath(mount.target).parts))


def inside_container(path: str) -> str:
    """A path of a manifest as an absolute one, which no `..` leads out of the container."""
    return posixpath.normpath("/" + path.lstrip("/"))


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it."""
    return PurePosixPath(path).is_relative_to(folder)


def mount_points(mounts: Iterable[Mount]) -> list[Mount]:
    """The mounts whose mount point must exist in the root itself, as no other mount covers it."""
    ordered = outermost_first(mounts)
    found: list[Mount] = []
    for number, mount in enumerate(ordered):
        if not any(is_inside(mount.target, outer.target) for outer in ordered[:number]):
            found.append(mount)
    return found
