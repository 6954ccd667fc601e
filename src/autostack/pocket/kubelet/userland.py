"""A container's root: the folder that is its writable layer, and what of the host and the image is mounted
over it.

An image without its own userland stands on the host's: /usr's folders, certificates and our Python,
read-only. Its files are mounted read-only when the root is read-only, and copied when the container may
write to them. An image that brings /bin is a root by itself. The names that a runtime provides (hosts,
hostname, resolv.conf) are symlinks to the pod's folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autostack.pocket.images import rooted
from autostack.pocket.images.image import Image
from autostack.pocket.kubelet.errors import ConfigError, StartError
from autostack.pocket.kubelet.sandbox import POD_FOLDER, Mount, is_inside, mount_points

PYTHON = "/opt/python"
PATH = f"{PYTHON}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share")
_ETC = ("ssl/certs", "alternatives", "ld.so.cache", "mime.types")
_FOLDERS = (
    "etc", "etc/ssl", "home", "mnt", "opt", "root", "run", "srv", "sys", "proc", "dev", "tmp", "usr",
    "usr/local",
    "usr/local/bin", "var", "var/lib", "var/log", "var/tmp", "var/run",
)  # fmt: skip
_DEVICES = ("block", "bus", "class", "dev", "devices")
"""What is shown of /sys: no cgroups and no settings of the kernel."""
_HIDDEN_DEVICES = ("/sys/devices/virtual/powercap",)
"""How much power is drawn tells what other programs do, as container runtimes know too."""
_PROVIDED = ("hosts", "hostname", "resolv.conf")
_FILES = {
    "host.conf": "multi on\n",
    "nsswitch.conf": (
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"
    ),
    "group": "root:x:0:\npostgres:x:999:\nnogroup:x:65534:\n",
}
_ACCOUNTS = """root:x:0:0:root:/root:/bin/sh
postgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""


def host_mounts() -> list[Mount]:
    """What every container sees of the host, read-only."""
    mounts = [
        Mount(f"/usr/{name}", f"/usr/{name}", read_only=True) for name in _USR if Path("/usr", name).is_dir()
    ]
    mounts += [
        Mount(f"/etc/{name}", f"/etc/{name}", read_only=True) for name in _ETC if Path("/etc", name).exists()
    ]
    if not Path("/bin").is_symlink():  # a host whose /usr is not merged
        mounts += [Mount(f"/{name}", f"/{name}", read_only=True) for name in ("bin", "sbin", "lib", "lib64")]
    prefix = sys.base_prefix
    if (
        not is_inside(prefix, "/usr") or prefix == "/usr/local"
    ):  # where it was built for: extension modules find their libraries by that path
        mounts.append(Mount(prefix, prefix, read_only=True))
    return mounts


def device_mounts() -> list[Mount]:
    """The machine's devices, which programs count processors and read their kinds by, read-only."""
    folders = (f"/sys/{name}" for name in _DEVICES)
    return [Mount(folder, folder, read_only=True) for folder in folders if Path(folder).is_dir()]


def hidden_devices() -> tuple[str, ...]:
    """Folders of the devices that no program may look into."""
    return tuple(folder for folder in _HIDDEN_DEVICES if Path(folder).is_dir())


def make_root(
    folder: Path, image: Image, *, read_only: bool, working_dir: str, mounts: Sequence[Mount]
) -> tuple[Path, list[Mount]]:
    """Prepare the root; returns it with the mounts that belong to it. Raises StartError with what is
    impossible.

    `mounts` are the pod's own, whose mount points are made where no other mount covers them.
    """
    try:
        if image.brings_userland and image.tree is not None:
            root, own = _own_userland(folder, image.tree, read_only=read_only)
        else:
            root, own = _host_userland(folder, image, read_only=read_only)
        own += device_mounts()
        own += [Mount(str(bind.source), bind.target, read_only=True) for bind in image.binds]
        everything = [*own, *mounts]
        _make_mount_points(root, everything)
        if not any(is_inside(working_dir, mount.target) for mount in everything):
            rooted.folder(root, working_dir)
    except OSError as error:
        raise StartError(f"the container's root can't be made: {error}") from error
    return root, own


def _own_userland(folder: Path, tree: Path, *, read_only: bool) -> tuple[Path, list[Mount]]:
    root = tree
    if not read_only:
        root = folder
        _copy(tree, root)
    for name in ("etc", "proc", "dev", "tmp"):
        rooted.folder(root, name)
    _provide(root)
    return root, []


def _host_userland(folder: Path, image: Image, *, read_only: bool) -> tuple[Path, list[Mount]]:
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "var/tmp").chmod(0o777)
    if Path("/bin").is_symlink():
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            if Path("/", name).is_symlink():
                (folder / name).symlink_to(f"usr/{name}")
    for name, text in _FILES.items():
        (folder / "etc" / name).write_text(text)
    _link_python(folder)
    own = host_mounts()
    if image.tree is not None:
        own += _lay(image.tree, folder, own, read_only=read_only)
    _provide(folder)
    return folder, own


def _link_python(root: Path) -> None:
    """`/opt/python/bin/python` is the interpreter that runs us, wherever the host keeps it."""
    if not is_inside(sys.base_prefix, "/usr"):
        (root / "opt/python").symlink_to(sys.base_prefix)
        return
    (root / "opt/python/bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (root / "opt/python/bin" / name).symlink_to(os.path.realpath(sys.executable))


def _lay(tree: Path, root: Path, host: Sequence[Mount], *, read_only: bool) -> list[Mount]:
    """The image's files over the host's userland: shared folders entry by entry, all others whole."""
    covered = {mount.target for mount in host}
    mounts: list[Mount] = []
    pending = [Path()]
    while pending:
        inside = pending.pop()
        for entry in sorted((tree / inside).iterdir()):
            path = inside / entry.name
            if f"/{path}" in covered:
                raise StartError(
                    f"the image has files in /{path}, which is the host's; an image with its own /bin may"
                )
            if str(path) in _FOLDERS:
                if entry.is_symlink() or not entry.is_dir():
                    raise StartError(
                        f"in the image /{path} is not a folder; with a /bin of its own it may be"
                    )
                pending.append(path)
            elif entry.is_symlink() or path.parts[0] == "etc" or not read_only:
                _copy(entry, root / path)
            else:
                mounts.append(Mount(str(entry), f"/{path}", read_only=True))
    return mounts


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir(parents=True, exist_ok=True)
        command = ["cp", "-a", "--reflink=auto", f"{source}/.", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StartError(f"the image can't be copied: {done.stderr.strip()[-300:]}")
    else:
        target.unlink(missing_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def _provide(root: Path) -> None:
    for name in _PROVIDED:
        link = rooted.entry(root, f"etc/{name}")
        wanted = Path(POD_FOLDER, name)
        if link.is_symlink() and link.readlink() == wanted:
            continue  # a tree that other pods run from, and may just be starting from, stays as it is
        fresh = link.with_name(f".{name}.{secrets.token_hex(4)}")
        fresh.symlink_to(wanted)
        fresh.rename(link)


def accounts(image: Image) -> str:
    """The image's /etc/passwd, ours when it has none."""
    if image.tree is not None:
        passwd = rooted.resolved(image.tree, "etc/passwd")
        if passwd.is_file():
            return passwd.read_text(errors="replace")
    return _ACCOUNTS


def add_account(root: Path, text: str, *, uid: int, gid: int) -> None:
    """Give the root an /etc/passwd in which the user has a name."""
    if home_of(text, uid) is None:
        text = f"{text.rstrip()}\nuser:x:{uid}:{gid}:user:/:/bin/sh\n"
    rooted.resolved(root, "etc/passwd").write_text(text)


def _account(passwd: str, uid: int) -> list[str] | None:
    fields = (line.split(":") for line in passwd.splitlines())
    return next((entry for entry in fields if len(entry) > 5 and entry[2] == str(uid)), None)


def home_of(passwd: str, uid: int) -> str | None:
    """A user's home."""
    entry = _account(passwd, uid)
    return entry[5] if entry else None


def user_ids(passwd: str, user: str) -> tuple[int, int]:
    """(uid, gid) of an image's `user[:group]`, both by number or the user by name; raises ConfigError."""
    name, _, group = user.partition(":")
    entry = next((line.split(":") for line in passwd.splitlines() if line.split(":")[0] == name), None)
    if name.isdigit():
        uid, entry = int(name), _account(passwd, int(name))
    elif entry is not None:
        uid = int(entry[2])
    else:
        raise ConfigError(f"the image's user {name!r} is not in its /etc/passwd")
    if group and not group.isdigit():
        raise ConfigError(f"the image's group {group!r} is not a number")
    return uid, int(group) if group else int(entry[3]) if entry else 0


def _make_mount_points(root: Path, mounts: Sequence[Mount]) -> None:
    for mount in mount_points(mounts):
        if is_inside(mount.target, "/dev") or is_inside(mount.target, "/proc"):
            continue  # made by bwrap in its own
        if Path(mount.source).is_dir():
            rooted.folder(root, mount.target)
        else:
            target = rooted.resolved(root, mount.target)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
