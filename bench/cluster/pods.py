"""Figures of pods: the first one, healing, a hundred at once, and what doing nothing costs."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Any

from api import DEPLOYMENTS, MERGE, PODS, Api, Object, is_ready

TICKS = os.sysconf("SC_CLK_TCK")
KEPT = 30
"""Pods that stay for the idle figures."""


def trivial(**more: Any) -> Object:
    """A pod's spec: a program that is ready at once and ends when it is told."""
    command = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    return {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": "busybox", "command": command}],
        **more,
    }


def deployment(name: str, replicas: int, spec: Object) -> Object:
    """A Deployment of such pods."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


async def ready(api: Api, app: str, count: int) -> None:
    """Until that many pods of the app are Ready."""
    await api.until(
        f"{PODS}?labelSelector=app={app}",
        lambda known: sum(map(is_ready, known.values())) >= count,
        what=f"{count} Ready pods of {app}",
    )


async def first_pod(api: Api) -> None:
    """Until a first pod is Ready."""
    metadata = {"name": "first", "labels": {"app": "first"}}
    await api.call("POST", PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": trivial()})
    await ready(api, "first", 1)


async def heal_s(api: Api, rounds: int) -> float:
    """From the deletion of a Deployment's only pod until its replacement is Ready; the median of some."""
    await api.call("POST", DEPLOYMENTS, deployment("heal", 1, trivial()))
    await ready(api, "heal", 1)
    times = []
    for _ in range(rounds):
        listed = await api.call("GET", f"{PODS}?labelSelector=app=heal")
        name = next(one["metadata"]["name"] for one in listed["items"] if is_ready(one))
        began = time.perf_counter()
        await api.call("DELETE", f"{PODS}/{name}")
        await ready(api, "heal", 1)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


async def many_pods_s(api: Api, count: int) -> float:
    """From a Deployment's creation until all its pods are Ready."""
    began = time.perf_counter()
    await api.call("POST", DEPLOYMENTS, deployment("many", count, trivial()))
    await ready(api, "many", count)
    return time.perf_counter() - began


async def idle(api: Api, pid: int, seconds: float) -> tuple[float, float]:
    """(resident MB, percent of a core) of the control plane, with 30 of the many pods doing nothing."""
    await api.call("PATCH", f"{DEPLOYMENTS}/many", {"spec": {"replicas": KEPT}}, headers=MERGE)
    await api.until(
        f"{PODS}?labelSelector=app=many", lambda known: len(known) <= KEPT, what="the others' ends"
    )
    await asyncio.sleep(3)
    before = cpu_s(pid)
    await asyncio.sleep(seconds)
    used = (cpu_s(pid) - before) / seconds * 100
    return resident_mb(pid), used


def cpu_s(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024
