"""The pocket cluster: first pod, healing, 100 pods, idle cost, lists, watches, writes, the service proxy.

Each run makes a cluster of its own in a temporary folder and removes it. What a figure means is said at its
function.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from api import PODS, Api, Object, connected, is_ready
from reference import AIM, MORE_IS_BETTER, REFERENCE
from traffic import SERVER, load

from autostack.pocket.cluster import lifecycle
from autostack.pocket.cluster.places import ClusterPlaces

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"
TICKS = os.sysconf("SC_CLK_TCK")


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
        f"{PODS}?labelSelector=app={app}", lambda known: sum(map(is_ready, known.values())) >= count
    )


async def first_pod(api: Api) -> None:
    """Until a first pod is Ready."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "first", "labels": {"app": "first"}},
        "spec": trivial(),
    }
    await api.call("POST", PODS, pod)
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
    """From a Deployment's creation until all its pods are Ready; then it is scaled down to 30."""
    began = time.perf_counter()
    await api.call("POST", DEPLOYMENTS, deployment("many", count, trivial()))
    await ready(api, "many", count)
    took = time.perf_counter() - began
    scale = {"spec": {"replicas": min(count, 30)}}
    headers = {"Content-Type": "application/merge-patch+json"}
    await api.call("PATCH", f"{DEPLOYMENTS}/many", scale, headers=headers)
    await api.until(f"{PODS}?labelSelector=app=many", lambda known: len(known) <= min(count, 30))
    return took


def cpu_s(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


async def idle(pid: int, seconds: float) -> tuple[float, float]:
    """(resident MB, percent of a core) of the control plane, with the pods of `many_pods_s` doing nothing."""
    await asyncio.sleep(2)
    before = cpu_s(pid)
    await asyncio.sleep(seconds)
    used = (cpu_s(pid) - before) / seconds * 100
    return resident_mb(pid), used


async def list_ms(api: Api, count: int) -> float:
    """A list of that many pods, whole and decoded as bytes; the median of some."""
    gate = {"schedulingGates": [{"name": "bench.autostack.dev/never"}]}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "listed-"},
        "spec": trivial(**gate),
    }
    for _ in range(0, count, 50):
        await asyncio.gather(*(api.call("POST", PODS, body) for _ in range(50)))
    times = []
    for _ in range(7):
        began = time.perf_counter()
        async with api.session.get(api.base + PODS) as answer:
            await answer.read()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


async def fanout_ms(api: Api, watchers: int) -> float:
    """From one write of an object until every watcher of it has been told."""
    await api.call("POST", MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "watched"}})
    version = (await api.call("GET", MAPS))["metadata"]["resourceVersion"]
    query = f"?watch=true&resourceVersion={version}&fieldSelector=metadata.name=watched"
    opened = await asyncio.gather(*(api.session.get(api.base + MAPS + query) for _ in range(watchers)))
    told = [asyncio.ensure_future(answer.content.readline()) for answer in opened]
    await asyncio.sleep(0.5)
    began = time.perf_counter()
    headers = {"Content-Type": "application/merge-patch+json"}
    await api.call("PATCH", f"{MAPS}/watched", {"data": {"a": "1"}}, headers=headers)
    await asyncio.gather(*told)
    took = time.perf_counter() - began
    for answer in opened:
        answer.close()
    return took * 1000


async def writes(api: Api, seconds: float) -> float:
    """Durable creations a second by 64 clients at once."""
    deadline, made = time.perf_counter() + seconds, 0

    async def client(number: int) -> None:
        nonlocal made
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"generateName": f"w{number}-"},
            "data": {"a": "1"},
        }
        while time.perf_counter() < deadline:
            await api.call("POST", MAPS, body)
            made += 1

    await asyncio.gather(*(client(number) for number in range(64)))
    return made / seconds


async def proxied(api: Api, seconds: float) -> tuple[float, float]:
    """(µs that the ClusterIP adds at the median of one connection, requests a second through it by 32)."""
    env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    server: Object = {
        "name": "main",
        "image": "ghcr.io/auto-stack/autostack:bench",
        "command": ["python", "-c", SERVER],
        "env": env,
    }
    server |= {"readinessProbe": {"tcpSocket": {"port": 8000}}}
    await api.call(
        "POST",
        DEPLOYMENTS,
        deployment("server", 1, {"containers": [server], "terminationGracePeriodSeconds": 0}),
    )
    service = {"selector": {"app": "server"}, "ports": [{"name": "http", "port": 8000}]}
    made = await api.call(
        "POST", "/api/v1/namespaces/default/services",
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server"}, "spec": service},
    )  # fmt: skip
    await ready(api, "server", 1)
    await asyncio.sleep(1)
    pod = (await api.call("GET", f"{PODS}?labelSelector=app=server"))["items"][0]["status"]["podIP"]
    address = made["spec"]["clusterIP"]
    direct_us, _ = await load(pod, 8000, connections=1, seconds=seconds)
    through_us, _ = await load(address, 8000, connections=1, seconds=seconds)
    _, rate = await load(address, 8000, connections=32, seconds=seconds)
    return through_us - direct_us, rate


async def measure(places: ClusterPlaces, *, scale: float) -> dict[str, float]:
    """Every figure; `scale` below 1 makes a short run."""
    count, seconds = max(int(1000 * scale), 50), max(10 * scale, 1)
    began = time.perf_counter()
    started = await asyncio.to_thread(lifecycle.start, places)
    if started.pid is None:
        raise SystemExit("the cluster did not start")
    async with connected(places.kubeconfig) as api:
        await first_pod(api)
        found = {"first_pod_ready_s": time.perf_counter() - began}
        found["heal_s"] = await heal_s(api, max(int(7 * scale), 1))
        found["pods_100_ready_s"] = await many_pods_s(api, max(int(100 * scale), 10))
        found["rss_mb"], found["idle_cpu_percent"] = await idle(started.pid, seconds)
        found["proxy_p50_us"], found["proxy_requests_per_second"] = await proxied(api, seconds / 2)
        found["writes_per_second"] = await writes(api, seconds / 2)
        found["list_1000_ms"] = await list_ms(api, count)
        found["watch_fanout_1000_ms"] = await fanout_ms(api, count)
    return found


def table(found: dict[str, float]) -> str:
    """The figures beside what was aimed at and the reference."""
    lines = [f"{'figure':<28}{'here':>12}{'aim':>12}{'Kubernetes':>12}"]
    for name, aim in AIM.items():
        mark = "" if (found[name] >= aim if name in MORE_IS_BETTER else found[name] <= aim) else "  missed"
        lines.append(f"{name:<28}{found[name]:>12,.2f}{aim:>12,.0f}{REFERENCE.get(name, '–'):>12}{mark}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="autostack bench cluster", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="a part of the counts and times, for a quick try"
    )
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="autostack-bench-"))
    places = ClusterPlaces(home, "bench")
    try:
        found = uvloop.run(measure(places, scale=options.scale))
    finally:
        lifecycle.delete(places)
        shutil.rmtree(home, ignore_errors=True)
    machine = {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    if options.json:
        print(
            json.dumps(
                {
                    **{name: round(value, 3) for name, value in found.items()},
                    "machine": machine,
                    "scale": options.scale,
                }
            )
        )
        return
    print(table(found))
    print(f"on {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}")


if __name__ == "__main__":
    main()
