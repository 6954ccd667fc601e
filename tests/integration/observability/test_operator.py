"""The operator with a real Prometheus and a served Kubernetes API: an object appears, its series follow."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from harness.pocket_api import HttpsCluster, https_cluster
from harness.postgres import free_address
from harness.waiting import eventually

ROOT = Path(__file__).parents[3]
CRDS = ROOT / "src" / "autostack" / "observability" / "manifests" / "crds.yaml"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    async with https_cluster(tmp_path / "cluster") as served:
        yield served


@asynccontextmanager
async def program(*argv: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program for the time of the block, ended by SIGTERM."""
    process = await asyncio.create_subprocess_exec(*argv, env=os.environ | environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(20):
                await process.wait()


@asynccontextmanager
async def exporter() -> AsyncIterator[tuple[str, int]]:
    """Something that is scraped."""

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text="traffic_sender_tps 7\n")

    host, port = free_address()
    application = web.Application()
    application.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    try:
        yield host, port
    finally:
        await runner.cleanup()


async def apply(cluster: HttpsCluster, *objects: dict[str, Any]) -> None:
    await cluster.ok("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def scraped(host: str, port: int) -> tuple[dict[str, Any], ...]:
    """A Service, and the slice that its controller would make for it."""
    labels = {"app.kubernetes.io/name": "traffic-sender", "app.kubernetes.io/part-of": "auto-stack"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "traffic-sender", "namespace": "auto-stack", "labels": labels},
        "spec": {"ports": [{"name": "http", "port": 8000}], "clusterIP": "None"},
    }
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "traffic-sender-x",
            "namespace": "auto-stack",
            "labels": {"kubernetes.io/service-name": "traffic-sender"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }
    return service, piece


async def configured(host: str, port: int) -> bool:
    try:
        async with aiohttp.request("GET", f"http://{host}:{port}/configured") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_a_monitor_becomes_series_with_the_usual_labels_and_a_rule_is_evaluated(
    cluster: HttpsCluster, tmp_path: Path
) -> None:
    prometheus = shutil.which("prometheus")
    assert prometheus, "prometheus is missing; apt-get install prometheus"
    folder = tmp_path / "configuration"
    folder.mkdir()
    (host, port), (own_host, own_port) = free_address(), free_address()
    settings = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "LISTEN_HOST": own_host,
        "LISTEN_PORT": str(own_port),
        "PROMETHEUS_URL": f"http://{host}:{port}",
        "CONFIGURATION_FOLDER": str(folder),
        "SCRAPE_INTERVAL": "1s",
    }
    operator = (sys.executable, "-m", "autostack.observability")
    for namespace in ("auto-stack", "monitoring"):
        await cluster.ok("create", "namespace", namespace)
    async with program(*operator, **settings):
        await eventually(lambda: configured(own_host, own_port), what="the first configuration")
    # No CRD yet: an empty configuration lets Prometheus start.
    assert yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"] == []

    storage = f"--storage.tsdb.path={tmp_path / 'tsdb'}"
    arguments = (f"--config.file={folder / 'prometheus.yml'}", storage, f"--web.listen-address={host}:{port}")
    async with (
        exporter() as address,
        program(prometheus, *arguments, "--web.enable-lifecycle", "--log.level=warn"),
        program(*operator, **settings),
        aiohttp.ClientSession(f"http://{host}:{port}") as session,
    ):
        await cluster.ok("apply", "-f", str(CRDS))
        await apply(cluster, *scraped(*address))
        await cluster.ok("apply", "-f", str(ROOT / "argocd" / "monitoring" / "service-monitors.yaml"))
        await cluster.ok("apply", "-f", str(ROOT / "argocd" / "monitoring" / "rules.yaml"))

        async def query(expression: str) -> list[dict[str, Any]]:
            async with session.get("/api/v1/query", params={"query": expression}) as answer:
                found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
                return found

        (series,) = await eventually(lambda: query("traffic_sender_tps"), what="the sender's series")
        expected = {
            "job": "traffic-sender",
            "namespace": "auto-stack",
            "service": "traffic-sender",
            "endpoint": "http",
        }
        assert expected.items() <= series["metric"].items()
        (total,) = await eventually(lambda: query("auto_stack:tps"), what="the recorded rule")
        assert total["value"][1] == "7"

        bad = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": {"name": "secretive", "namespace": "monitoring"},
            "spec": {"selector": {}, "endpoints": [{"port": "http", "basicAuth": {}}]},
        }
        await apply(cluster, bad)

        async def event() -> str:
            return await cluster.ok("get", "events", "-n", "monitoring", "-o", "jsonpath={.items[*].message}")

        async def told() -> bool:
            return "basicAuth" in await event()

        await eventually(told, what="the Event about the refused monitor")

        await cluster.ok("delete", "servicemonitor", "auto-stack", "-n", "monitoring")

        async def unscraped() -> bool:
            async with session.get("/api/v1/targets") as answer:
                return (await answer.json())["data"]["activeTargets"] == []

        await eventually(unscraped, what="the end of scraping")
