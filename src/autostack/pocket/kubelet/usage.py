"""What containers use, sampled from cgroups or, where there are none, from /proc.

Without cgroups the kubelet is also the one that keeps memory limits: a container above its limit at a
sample is killed as OOMKilled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from autostack.pocket.kubelet.cgroups import Cgroups
from autostack.pocket.kubelet.container import Container
from autostack.pocket.kubelet.launch import limits_of
from autostack.pocket.node import Usage

SAMPLE_S = 10.0
UNENFORCED_SAMPLE_S = 2.0
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree_usage(pid: int) -> tuple[int, int]:
    """(CPU nanoseconds so far, resident bytes) of a process and all below it."""
    cpu_ns = memory = 0
    pending = [pid]
    while pending:
        one = pending.pop()
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            cpu_ns += sum(int(field) for field in fields[11:15]) * _TICK_NS
            memory += int(fields[21]) * _PAGE
            pending += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
    return cpu_ns, memory


class Meter:
    """Samples every container; `latest` is by container."""

    def __init__(self, cgroups: Cgroups | None, containers: Callable[[], Iterable[Container]]) -> None:
        self._cgroups = cgroups
        self._containers = containers
        self._before: dict[Container, tuple[float, int, str]] = {}
        self.latest: dict[Container, Usage] = {}
        self._node_before: tuple[float, int] | None = None
        self.node = Usage(0, 0)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_S if self._cgroups else UNENFORCED_SAMPLE_S)

    def sample(self) -> None:
        """One look at everything."""
        running = {one for one in self._containers() if one.child_pid is not None}
        for gone in [one for one in self._before if one not in running]:
            self._before.pop(gone)
            self.latest.pop(gone, None)
        for container in running:
            self._sample(container)
        self._sample_node()

    def _sample(self, container: Container) -> None:
        cpu_ns = memory = None
        if self._cgroups is not None:
            cpu_ns = self._cgroups.cpu_ns(container.group)
            memory = self._cgroups.memory_bytes(container.group)
        if cpu_ns is None or memory is None:
            cpu_ns, memory = tree_usage(container.child_pid or 0)
        now, run = time.monotonic(), container.view.container_id
        before = self._before.get(container)
        self._before[container] = now, cpu_ns, run
        if before is not None and before[2] == run and now > before[0]:
            rate = max(cpu_ns - before[1], 0) / (now - before[0])
            self.latest[container] = Usage(int(rate), memory)
        limit = limits_of(container.spec).memory_bytes
        if self._cgroups is None and limit is not None and memory > limit:
            container.kill_for_memory()

    def _sample_node(self) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
            busy_ns = (sum(fields) - fields[3] - fields[4]) * _TICK_NS
            meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
            used = [int(meminfo[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable")]
            now = time.monotonic()
            if self._node_before is not None:
                rate = (busy_ns - self._node_before[1]) / (now - self._node_before[0])
                self.node = Usage(int(max(rate, 0)), used[0] - used[1])
            self._node_before = now, busy_ns
