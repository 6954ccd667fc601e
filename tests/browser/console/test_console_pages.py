"""The console as a person meets it: a real process, a served Kubernetes API, and no Prometheus."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from harness.browser import DESKTOP, PHONE, OpenTab, Scheme
from harness.pocket_api import HttpsCluster, https_cluster
from harness.postgres import free_address
from playwright.sync_api import expect

ROOT = Path(__file__).parents[3]
BOARD = "/dashboards/auto-stack-overview"
PAGES = ("/", "/dashboards", BOARD)
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker-node, namespace: monitoring}
spec:
  selector: {matchLabels: {app: worker-node}}
  template:
    metadata: {labels: {app: worker-node}}
    spec: {containers: [{name: worker-node, image: "ghcr.io/auto-stack/worker-node:v0.1"}]}
"""


async def _fill(cluster: HttpsCluster) -> None:
    await cluster.ok("create", "namespace", "monitoring")
    await cluster.ok("apply", "-f", str(ROOT / "argocd/monitoring/dashboards.yaml"))
    await cluster.ok("apply", "-f", "-", stdin=DEPLOYMENT)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A served API in a thread of its own, since the browser blocks this one."""
    folder = tmp_path_factory.mktemp("cluster")
    ready = threading.Event()
    end: list[Callable[[], object]] = []

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with https_cluster(folder) as cluster:
            await _fill(cluster)
            end.append(lambda: loop.call_soon_threadsafe(over.set))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="pocket-api")
    thread.start()
    assert ready.wait(60), "the API server did not start"
    yield folder / "kubeconfig"
    end[0]()
    thread.join(30)


@pytest.fixture(scope="module")
def console(kubeconfig: Path) -> Iterator[str]:
    """Its address."""
    (host, port), (away, closed) = free_address(), free_address()
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "LISTEN_HOST": host,
        "LISTEN_PORT": str(port),
        "PROMETHEUS_URL": f"http://{away}:{closed}",
        "DRAIN_DELAY_S": "0",
    }
    process = subprocess.Popen([sys.executable, "-m", "autostack.console"], env=os.environ | environment)
    url = f"http://{host}:{port}"
    try:
        transport = httpx2.HTTPTransport(retries=10)  # waits longer and longer while the port is closed
        with httpx2.Client(transport=transport, trust_env=False) as client:
            assert client.get(url + "/healthz").status_code == 200
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_forbids_everything_foreign(console: str, page: str) -> None:
    answer = httpx2.get(console + page, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_pages_are_accessible_and_fit(
    console: str, open_tab: OpenTab, size: tuple[int, int], scheme: Scheme
) -> None:
    tab = open_tab(console, size=size, scheme=scheme)
    for page in PAGES:
        tab.visit(page)
        assert tab.inaccessible() == [], page
        assert tab.overflow_px() == 0, page


def test_pages_are_whole_without_scripts(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console, javascript=False)
    tab.visit("/")
    expect(tab.page.get_by_role("row", name="worker-node")).to_contain_text("0/1")
    tab.visit(BOARD)
    expect(tab.page.locator("section.panel", has_text="Live TPS")).to_contain_text("does not answer")


def test_the_keyboard_reaches_every_table(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console)
    tab.visit("/")
    reached = set()
    for _ in range(12):
        tab.page.keyboard.press("Tab")
        reached.add(tab.page.evaluate("document.activeElement.getAttribute('aria-labelledby')"))
    assert {"applications", "runs", "workloads", "pods", "events"} <= reached
