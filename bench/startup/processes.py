"""The CPU time of a process with everything under it, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    cpu_s: float
    reaped_s: float
    """Of children that have ended and were waited for."""


def tree_cpu_s(pid: int) -> float:
    """User and system time of `pid`, of all its living descendants, and of those that each has waited for."""
    processes = _processes()
    found, waiting = 0.0, [pid]
    while waiting:
        current = waiting.pop()
        if current in processes:
            found += processes[current].cpu_s + processes[current].reaped_s
        waiting += [other for other, process in processes.items() if process.parent == current]
    return found


def _processes() -> dict[int, _Process]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            ticks = [int(field) for field in fields[11:15]]
            cpu_s, reaped_s = sum(ticks[:2]) / _TICKS, sum(ticks[2:]) / _TICKS
            found[int(entry.name)] = _Process(int(fields[1]), cpu_s, reaped_s)
    return found
