"""Figures of the API alone: long lists, many watchers, durable writes. Nothing runs for these objects."""

from __future__ import annotations

import asyncio
import statistics
import time

from api import MAPS, MERGE, PODS, Api, Object
from pods import trivial

CLIENTS = 64
"""Requests under way at once."""


def config_map(**metadata: str) -> Object:
    """A small object."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}


async def list_ms(api: Api, count: int) -> float:
    """A list of that many pods, received whole; the median of some."""
    gate = {"schedulingGates": [{"name": "bench.autostack.dev/never"}]}
    metadata = {"generateName": "listed-", "labels": {"app": "listed"}}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": trivial(**gate)}
    for first in range(0, count, CLIENTS):
        number = min(CLIENTS, count - first)
        await asyncio.gather(*(api.call("POST", PODS, body) for _ in range(number)))
    times = []
    for _ in range(9):
        began = time.perf_counter()
        async with api.session.get(f"{api.base}{PODS}?labelSelector=app=listed") as answer:
            await answer.read()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


async def fanout_ms(api: Api, watchers: int) -> float:
    """From one write of an object until every watcher of it has been told; the median of some."""
    made = await api.call("POST", MAPS, config_map(name="watched"))
    query = f"?watch=true&resourceVersion={made['metadata']['resourceVersion']}"
    address = f"{api.base}{MAPS}{query}&fieldSelector=metadata.name=watched"
    opened = [await api.session.get(address) for _ in range(watchers)]
    times = []
    for number in range(5):
        told = [asyncio.ensure_future(answer.content.readline()) for answer in opened]
        await asyncio.sleep(0.2)
        began = time.perf_counter()
        await api.call("PATCH", f"{MAPS}/watched", {"data": {"a": str(number)}}, headers=MERGE)
        await asyncio.gather(*told)
        times.append(time.perf_counter() - began)
    for answer in opened:
        answer.close()
    return statistics.median(times) * 1000


async def writes(api: Api, seconds: float) -> float:
    """Durable creations a second by many clients at once."""
    deadline, made = time.perf_counter() + seconds, 0

    async def client(number: int) -> None:
        nonlocal made
        while time.perf_counter() < deadline:
            await api.call("POST", MAPS, config_map(generateName=f"w{number}-"))
            made += 1

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return made / seconds
