"""What a machine needs to run Auto-Stack, what it has, and how to get the rest.

Each requirement says which part stops working without it, so that a person can decide to do without.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

MINIMUM_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Program:
    """A program on PATH, the Debian package that brings it, what it is for, and whether it must be there."""

    name: str
    package: str
    purpose: str
    needed: bool


PROGRAMS = (
    Program("bwrap", "bubblewrap", "pods run in its sandboxes", needed=True),
    Program("git", "git", "the origin, the pipeline and the GitOps controller", needed=True),
    Program("nsenter", "util-linux", "kubectl exec", needed=True),
    Program("prometheus", "prometheus", "metrics; fetched without root when absent", needed=False),
    Program("promtool", "prometheus", "tests check Prometheus' configuration with it", needed=False),
    Program("chromium", "chromium", "browser tests", needed=False),
    Program("skopeo", "skopeo", "tests read the built images with it", needed=False),
    Program("zsh", "zsh", "tests of completion", needed=False),
    Program("fish", "fish", "tests of completion", needed=False),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement: its state, what was seen, and the remedy when it is not met."""

    name: str
    state: Literal["ok", "missing", "optional"]
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"{version}, {sys.executable}")  # the launcher refuses an older one


def _program(program: Program) -> Finding:
    path = shutil.which(program.name)
    if path:
        return Finding(program.name, "ok", path)
    state: Literal["missing", "optional"] = "missing" if program.needed else "optional"
    return Finding(program.name, state, program.purpose, f"apt-get install {program.package}")


def _sandbox() -> Finding:
    """Whether this user may make user namespaces, which some distributions switch off."""
    if shutil.which("bwrap") is None:
        return Finding("sandbox", "missing", "bubblewrap is not installed", "apt-get install bubblewrap")
    probe = ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
             "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "true"]  # fmt: skip
    done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode == 0:
        return Finding("sandbox", "ok", "user namespaces work")
    remedy = (
        "sysctl -w kernel.unprivileged_userns_clone=1 (or kernel.apparmor_restrict_unprivileged_userns=0)"
    )
    return Finding("sandbox", "missing", done.stderr.strip()[:200] or "bwrap failed", remedy)


def _cgroups() -> Finding:
    for folder in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        if folder.is_dir() and os.access(folder, os.W_OK):
            return Finding("cgroups", "ok", f"{folder} can be written: memory and CPU limits are enforced")
    remedy = "run as root, or delegate a cgroup to this user; limits fall back to RLIMITs"
    return Finding("cgroups", "optional", "not writable", remedy)


def _disk() -> Finding:
    home = Path(os.environ.get("AUTOSTACK_HOME", Path.home()))
    while not home.exists():
        home = home.parent
    free = shutil.disk_usage(home).free
    detail = f"{free / 1024**3:.1f} GiB free below {home}"
    if free >= MINIMUM_FREE_BYTES:
        return Finding("disk", "ok", detail)
    return Finding("disk", "missing", detail, "free 2 GiB, or set AUTOSTACK_HOME to a larger disk")


def _names() -> Finding:
    """Whether *.localhost resolves; browsers do it themselves, curl and Python need the system's resolver."""
    try:
        socket.getaddrinfo("results.localhost", 80)
    except OSError:
        remedy = "apt-get install libnss-myhostname; browsers resolve *.localhost by themselves"
        return Finding("names", "optional", "results.localhost does not resolve outside a browser", remedy)
    return Finding("names", "ok", "*.localhost resolves")


def examine() -> list[Finding]:
    """All findings, the needed ones first; nothing on the machine is changed."""
    return [_python(), _sandbox(), _disk(), *map(_program, PROGRAMS), _cgroups(), _names()]
