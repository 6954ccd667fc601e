"""The pocket cluster: first pod, healing, 100 pods, idle cost, lists, watches, writes, the service proxy.

Each run makes a cluster of its own in a temporary folder and removes it. What a figure means is said at its
function. A figure that can't be taken is said, and the others are taken all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp
import uvloop
from api import Api, BenchError, connected
from objects import fanout_ms, list_ms, writes
from pods import first_pod, heal_s, idle, many_pods_s
from reference import AIM, MORE_IS_BETTER, REFERENCE
from services import proxied

from autostack.pocket.cluster import lifecycle
from autostack.pocket.cluster.places import ClusterPlaces

Figures = dict[str, float]
Size = TypeVar("Size", int, float)
FIGURE_WITHIN_S = 90.0
FAILURES = (BenchError, OSError, TimeoutError, aiohttp.ClientError)


@dataclass
class Run:
    """What has been measured so far, and what could not be."""

    scale: float
    found: Figures = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    async def take(self, what: str, measure: Callable[[], Awaitable[Figures]]) -> None:
        """Add what `measure` finds; its failure is noted."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(FIGURE_WITHIN_S):
                figures = await measure()
        except FAILURES as error:
            self.failed[what] = str(error) or type(error).__name__
            shown = f"failed: {self.failed[what]}"
        else:
            self.found |= figures
            shown = ", ".join(f"{name} {value:,.2f}" for name, value in figures.items())
        print(f"{time.perf_counter() - began:6.1f} s  {what}: {shown}", file=sys.stderr, flush=True)


async def measure(places: ClusterPlaces, run: Run) -> None:
    """Every figure; a scale below 1 makes a short run."""
    count, seconds = max(int(1000 * run.scale), 50), max(10 * run.scale, 1)
    began = time.perf_counter()
    started = await asyncio.to_thread(lifecycle.start, places)
    pid = started.pid
    if pid is None:
        raise SystemExit("the cluster did not start")
    async with connected(places.kubeconfig) as api:

        async def since_nothing() -> Figures:
            await first_pod(api)
            return {"first_pod_ready_s": time.perf_counter() - began}

        async def idling() -> Figures:
            rss_mb, cpu_percent = await idle(api, pid, seconds)
            return {"rss_mb": rss_mb, "idle_cpu_percent": cpu_percent}

        await run.take("first pod", since_nothing)
        await run.take("healing", one("heal_s", heal_s, api, max(int(7 * run.scale), 1)))
        await run.take("100 pods", one("pods_100_ready_s", many_pods_s, api, max(int(100 * run.scale), 10)))
        await run.take("idle", idling)
        await run.take("proxy", lambda: proxied(api, seconds / 5))
        await run.take("writes", one("writes_per_second", writes, api, seconds / 2))
        await run.take("list", one("list_1000_ms", list_ms, api, count))
        await run.take("watchers", one("watch_fanout_1000_ms", fanout_ms, api, count))


def one(
    name: str, taken: Callable[[Api, Size], Awaitable[float]], api: Api, size: Size
) -> Callable[[], Awaitable[Figures]]:
    """A measurement of a single figure."""

    async def figures() -> Figures:
        return {name: await taken(api, size)}

    return figures


def table(found: Figures) -> str:
    """The figures beside what was aimed at and the reference."""
    lines = [f"{'figure':<28}{'here':>12}{'aim':>12}{'Kubernetes':>12}"]
    for name, aim in AIM.items():
        value = found.get(name)
        shown = "–" if value is None else f"{value:,.2f}"
        reached = value is not None and (value >= aim if name in MORE_IS_BETTER else value <= aim)
        mark = "" if reached else "  missed"
        lines.append(f"{name:<28}{shown:>12}{aim:>12,.0f}{REFERENCE.get(name, '–'):>12}{mark}")
    lines += [f"{name:<28}{found[name]:>12,.2f}" for name in found.keys() - AIM.keys()]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a figure could not be taken."""
    parser = argparse.ArgumentParser(prog="autostack bench cluster", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="a part of the counts and times, for a quick try"
    )
    options = parser.parse_args()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))  # a thousand watchers are ours
    home = Path(tempfile.mkdtemp(prefix="autostack-bench-"))
    places = ClusterPlaces(home, "bench")
    run = Run(options.scale)
    try:
        uvloop.run(measure(places, run))
    finally:
        lifecycle.delete(places)
        shutil.rmtree(home, ignore_errors=True)
    machine = {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    if options.json:
        figures = {
            name: round(run.found[name], 3) if name in run.found else None for name in (*AIM, *run.found)
        }
        print(json.dumps({**figures, "failed": run.failed, "machine": machine, "scale": options.scale}))
    else:
        print(table(run.found))
        print(f"on {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}")
    if run.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
