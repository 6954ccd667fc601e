"""Figures of the service proxy, and of the same client and server without it: what the machine can carry."""

from __future__ import annotations

import statistics

from api import DEPLOYMENTS, PODS, SERVICES, Api, Object
from pods import deployment, ready
from traffic import SERVER, load, reachable

PORT = 8000
ROUNDS = 3
CONNECTIONS = 32


async def proxied(api: Api, seconds: float) -> dict[str, float]:
    """What the ClusterIP adds at the median of one connection, and what it carries by 32; `direct_…` is the
    pod's own address. Taken in turns, so that both see the same machine.
    """
    pod, address = await _server(api)
    added, rates, rails = [], [], []
    for _ in range(ROUNDS):
        direct_us, _ = await load(pod, PORT, connections=1, seconds=seconds)
        through_us, _ = await load(address, PORT, connections=1, seconds=seconds)
        added.append(through_us - direct_us)
        _, rail = await load(pod, PORT, connections=CONNECTIONS, seconds=seconds)
        _, rate = await load(address, PORT, connections=CONNECTIONS, seconds=seconds)
        rates.append(rate)
        rails.append(rail)
    return {
        "proxy_p50_us": statistics.median(added),
        "proxy_requests_per_second": statistics.median(rates),
        "direct_requests_per_second": statistics.median(rails),
    }


async def _server(api: Api) -> tuple[str, str]:
    """(address of a pod, address of its Service) that both answer."""
    env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    server: Object = {
        "name": "main",
        "image": "ghcr.io/auto-stack/autostack:bench",
        "command": ["python", "-c", SERVER],
        "env": env,
        "readinessProbe": {"tcpSocket": {"port": PORT}},
    }
    spec = {"containers": [server], "terminationGracePeriodSeconds": 0}
    await api.call("POST", DEPLOYMENTS, deployment("server", 1, spec))
    service = {"selector": {"app": "server"}, "ports": [{"name": "http", "port": PORT}]}
    metadata = {"name": "server"}
    made = await api.call(
        "POST", SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
    )
    await ready(api, "server", 1)
    address = str(made["spec"]["clusterIP"])
    await reachable(address, PORT)
    listed = await api.call("GET", f"{PODS}?labelSelector=app=server")
    return listed["items"][0]["status"]["podIP"], address
