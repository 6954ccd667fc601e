"""Where a worker's time goes, from a cProfile file: own time by part, then the dearest functions.

The profiler makes calls dearer than they are, so the shares are for finding what to look at, not for adding
up.
"""

from __future__ import annotations

import pstats
from collections import defaultdict
from pathlib import Path

PARTS = (
    ("solver", "worker_node/solver"),
    ("store", "worker_node/store"),
    ("endpoint", "worker_node/"),
    ("service-kit", "service_kit/"),
    ("uvicorn", "uvicorn/"),
    ("asyncpg", "asyncpg/"),
    ("prometheus client", "prometheus_client/"),
    ("FastAPI and Starlette", "fastapi/"),
    ("FastAPI and Starlette", "starlette/"),
)

Function = tuple[str, int, str]


def part_of(function: Function) -> str:
    """The part a function belongs to, by its file."""
    file, _, name = function
    if name == "run" and file.endswith("asyncio/runners.py"):
        return "event loop and waiting"
    return next((part for part, folder in PARTS if folder in file), "Python and its library")


def read_profile(file: Path, *, answers: int, functions: int = 12) -> str:
    """The profile as two tables of microseconds per answer."""
    stats: dict[Function, tuple[int, int, float, float, object]] = pstats.Stats(str(file)).stats  # type: ignore[attr-defined] # pstats has no other way in
    parts: defaultdict[str, float] = defaultdict(float)
    for function, (_, _, own_s, _, _) in stats.items():
        parts[part_of(function)] += own_s
    lines = [f"{'part':28} us per answer"]
    lines += [
        f"{part:28} {own_s / answers * 1e6:10.1f}"
        for part, own_s in sorted(parts.items(), key=lambda item: -item[1])
    ]
    lines += ["", f"{'own time, by function':62} us per answer"]
    dearest = sorted(stats.items(), key=lambda item: -item[1][2])[:functions]
    for (file_name, _, name), (_, _, own_s, _, _) in dearest:
        short = "/".join(Path(file_name).parts[-3:])
        lines.append(f"{f'{short} {name}':62.62} {own_s / answers * 1e6:10.1f}")
    return "\n".join(lines)
