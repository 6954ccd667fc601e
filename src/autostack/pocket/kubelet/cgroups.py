"""Resource limits and usage by cgroups, version 1 or 2, where this process may make them.

Whether it may is found out by trying: a group is made and a process moved into it. Where that fails, limits
on CPU are not enforced and memory is watched by the kubelet (see usage); the node's annotation says which
it is.
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CPU_PERIOD_US = 100_000
MOUNTS = Path("/proc/self/mounts")
OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class Limits:
    """A container's limits; None is unlimited."""

    memory_bytes: int | None = None
    cpu_cores: float | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Cgroups:
    """One cluster's groups: for each controller (v1) or for all (v2, key "") a folder to make them in."""

    version: Literal[1, 2]
    bases: dict[str, Path]

    def create(self, name: str, limits: Limits) -> list[str]:
        """Make a container's groups with its limits; returns the files that its first process must join."""
        for controller, base in self.bases.items():
            group = base / name
            group.mkdir(parents=True, exist_ok=True)
            settings = _settings_v2(limits) if self.version == 2 else _settings_v1(controller, limits)
            for file, value in settings.items():
                (group / file).write_text(value)
        return self.files(name)  # cpu and cpuacct are one hierarchy on most machines, hence no file twice

    def files(self, name: str) -> list[str]:
        """The files that a further process of the container must join."""
        return list(dict.fromkeys(str(base / name / "cgroup.procs") for base in self.bases.values()))

    def remove(self, name: str) -> None:
        """Remove a container's groups; one that is still busy stays until the next time."""
        for base in self.bases.values():
            with contextlib.suppress(OSError):
                (base / name).rmdir()

    def oom_kills(self, name: str) -> int:
        """How many processes of the container the kernel has killed for memory."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        base = self.bases.get("" if self.version == 2 else "memory")
        return _field(base / name / file, "oom_kill") if base is not None else 0

    def cpu_ns(self, name: str) -> int | None:
        """CPU time used so far."""
        if self.version == 2:
            return _field(self.bases[""] / name / "cpu.stat", "usage_usec") * 1000
        return _number(self.bases["cpuacct"] / name / "cpuacct.usage") if "cpuacct" in self.bases else None

    def memory_bytes(self, name: str) -> int | None:
        """The working set: usage without the file cache that could go at once."""
        base = self.bases.get("" if self.version == 2 else "memory")
        if base is None:
            return None
        used = _number(base / name / ("memory.current" if self.version == 2 else "memory.usage_in_bytes"))
        if used is None:
            return None
        inactive = _field(
            base / name / "memory.stat", "inactive_file" if self.version == 2 else "total_inactive_file"
        )
        return max(used - inactive, 0)


def _settings_v1(controller: str, limits: Limits) -> dict[str, str]:
    if controller == "memory" and limits.memory_bytes is not None:
        return {"memory.limit_in_bytes": str(limits.memory_bytes)}
    if controller == "cpu" and limits.cpu_cores is not None:
        return {"cpu.cfs_period_us": str(CPU_PERIOD_US), "cpu.cfs_quota_us": _quota(limits.cpu_cores)}
    if controller == "pids" and limits.pids is not None:
        return {"pids.max": str(limits.pids)}
    return {}


def _settings_v2(limits: Limits) -> dict[str, str]:
    settings: dict[str, str] = {}
    if limits.memory_bytes is not None:
        settings |= {"memory.max": str(limits.memory_bytes), "memory.swap.max": "0"}
    if limits.cpu_cores is not None:
        settings["cpu.max"] = f"{_quota(limits.cpu_cores)} {CPU_PERIOD_US}"
    if limits.pids is not None:
        settings["pids.max"] = str(limits.pids)
    return settings


def _quota(cores: float) -> str:
    return str(max(int(cores * CPU_PERIOD_US), 1000))


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _field(file: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def find_cgroups(name: str) -> Cgroups | None:
    """The cgroups that this process may make, under a group called `name`; None when it may not."""
    mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    own = [line.split(":", 2) for line in OWN.read_text().splitlines()]
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        found = _find_v2(Path("/sys/fs/cgroup"), own, name)
    else:
        found = _find_v1(mounts, own, name)
    return found if found is not None and _can_join(found) else None


def _find_v1(mounts: list[list[str]], own: list[list[str]], name: str) -> Cgroups | None:
    bases = {}
    for controller in ("memory", "cpu", "cpuacct", "pids"):
        mount = next((m[1] for m in mounts if m[2] == "cgroup" and controller in m[3].split(",")), None)
        path = next((entry[2] for entry in own if controller in entry[1].split(",")), None)
        if mount is None or path is None:
            continue
        base = Path(mount) / path.lstrip("/") / name
        try:
            base.mkdir(exist_ok=True)
        except OSError:
            return None
        bases[controller] = base
    return Cgroups(1, bases) if "memory" in bases else None


def _find_v2(root: Path, own: list[list[str]], name: str) -> Cgroups | None:
    path = next((entry[2] for entry in own if entry[0] == "0"), "/")
    for parent in (root, (root / path.lstrip("/")).parent):
        base = parent / name
        try:
            base.mkdir(exist_ok=True)
            for folder in (parent, base):
                (folder / "cgroup.subtree_control").write_text("+memory +cpu +pids")
        except OSError:
            continue
        return Cgroups(2, {"": base})
    return None


def _can_join(groups: Cgroups) -> bool:
    try:
        files = groups.create(".trial", Limits())
    except OSError:
        return False
    script = 'for file; do echo $$ >"$file" || exit 1; done'
    done = subprocess.run(["sh", "-c", script, "sh", *files], stderr=subprocess.DEVNULL, check=False)
    groups.remove(".trial")
    return done.returncode == 0
