"""The console as a person meets it: a real process, a served Kubernetes API, and no Prometheus."""

from __future__ import annotations

import asyncio
import json
import os
import re
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
APPLICATION = "/applications/argocd/auto-stack"
PAGES = ("/", APPLICATION, "/runs/1", "/dashboards", BOARD, "/runs/7")
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
APPLICATIONS = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: auto-stack, namespace: argocd}
spec:
  project: default
  source: {repoURL: "file:///origin.git", path: k8s-manifests, targetRevision: main}
  destination: {server: "https://kubernetes.default.svc", namespace: monitoring}
status:
  sync: {status: OutOfSync, revision: 0123456789abcdef0123456789abcdef01234567}
  health: {status: Degraded}
  conditions: [{type: ComparisonError, message: "worker-deployment.yaml: line 3: broken"}]
  resources:
    - {group: apps, kind: Deployment, namespace: monitoring, name: worker-node, status: OutOfSync}
"""
RUN = {
    "number": 1, "head": "0" * 40, "only": [], "covers": [], "state": "failure", "queued_s": 1.0,
    "apps": {"worker-node": {"state": "red"}}, "message": "the tests of worker-node are red",
}  # fmt: skip


async def _fill(cluster: HttpsCluster) -> None:
    await cluster.ok("create", "namespace", "monitoring")
    await cluster.ok("create", "namespace", "argocd")
    await cluster.ok("apply", "-f", str(ROOT / "argocd/pocket/application-crd.yaml"))
    await cluster.ok("wait", "--for=condition=Established", "crd/applications.argoproj.io", "--timeout=20s")
    await cluster.ok("apply", "-f", "-", stdin=APPLICATIONS)
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


def _pushed(folder: Path) -> Path:
    """An origin with one red commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=Dana", "-c", "user.email=dana@example.org"]
    note = json.dumps({"state": "failure", "apps": RUN["apps"]})
    for command in (
        ["init", "-q", "-b", "main"],
        ["commit", "-q", "--allow-empty", "-m", "Break a test"],
        ["notes", "--ref", "autostack-ci", "add", "-m", note],
    ):
        subprocess.run([*git, *command], check=True, capture_output=True)
    return folder


def _recorded(folder: Path) -> Path:
    """The pipeline's record of its run."""
    for name in ("runs", "logs"):
        (folder / name).mkdir()
    (folder / "runs" / "000001.json").write_text(json.dumps(RUN))
    (folder / "logs" / "000001.log").write_text("\x1b[31mFAILED test_red <b>\x1b[0m\n")
    return folder


@pytest.fixture(scope="module")
def console(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    (host, port), (away, closed) = free_address(), free_address()
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "LISTEN_HOST": host,
        "LISTEN_PORT": str(port),
        "PROMETHEUS_URL": f"http://{away}:{closed}",
        "RUNS_FOLDER": str(_recorded(tmp_path_factory.mktemp("ci"))),
        "ORIGIN_FOLDER": str(_pushed(tmp_path_factory.mktemp("origin"))),
        "RENEW_S": "1",
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
    assert answer.status_code == (404 if page == "/runs/7" else 200)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none';")


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_pages_are_accessible_and_fit(
    console: str, open_tab: OpenTab, size: tuple[int, int], scheme: Scheme
) -> None:
    tab = open_tab(console, size=size, scheme=scheme)
    tab.expect_complaints("404")
    for page in PAGES:
        tab.visit(page)
        assert tab.inaccessible() == [], page
        assert tab.overflow_px() == 0, page


def test_pages_are_whole_without_scripts(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console, javascript=False)
    tab.visit("/")
    workloads = tab.page.get_by_role("region", name="Workloads")
    expect(workloads.get_by_role("row", name="worker-node")).to_contain_text("0/1")
    tab.visit(BOARD)
    expect(tab.page.locator("section.panel", has_text="Live TPS")).to_contain_text("does not answer")


def test_the_keyboard_reaches_every_table(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console)
    tab.visit("/")
    reached = set()
    for _ in range(30):
        tab.page.keyboard.press("Tab")
        reached.add(tab.page.evaluate("document.activeElement.getAttribute('aria-labelledby')"))
    assert {"applications", "commits", "runs", "workloads", "pods", "events"} <= reached


def test_the_overview_says_first_what_needs_a_person(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console)
    tab.visit("/")
    verdict = tab.page.get_by_role("region", name=re.compile("need attention"))
    told = verdict.get_by_role("listitem").all_inner_texts()
    assert told[0] == (
        "auto-stack is OutOfSync, Degraded: ComparisonError: worker-deployment.yaml: line 3: broken"
    )
    assert told[1] == "run 1 ended as failure: the tests of worker-node are red"
    assert "Prometheus does not answer" in told[2]
    assert told[3] == "worker-node has 0 of 1 pods ready"
    commit = tab.page.get_by_role("region", name="Commits on main").get_by_role("row").nth(1)
    expect(commit).to_contain_text("red: the tests of worker-node failed; nothing is released")


def test_what_is_named_leads_to_its_page(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console)
    tab.visit("/")
    tab.page.get_by_role("link", name="auto-stack", exact=True).click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("auto-stack: OutOfSync, Degraded")
    expect(tab.page.get_by_role("row", name="Deployment worker-node")).to_contain_text("OutOfSync")
    tab.visit("/")
    tab.page.get_by_role("link", name="1 failure").click()
    expect(tab.page.get_by_role("region", name="Log")).to_have_text("FAILED test_red <b>")


def test_a_renewal_keeps_the_focus_and_says_when_it_cannot_renew(console: str, open_tab: OpenTab) -> None:
    tab = open_tab(console)
    tab.expect_complaints("net::ERR_FAILED")
    tab.visit("/")
    tab.page.get_by_role("link", name="1 failure").focus()
    tab.page.evaluate("document.querySelector('#main h1').dataset.old = 'true'")
    expect(tab.page.get_by_role("heading", level=1)).not_to_have_attribute("data-old", "true")
    assert tab.page.evaluate("document.activeElement.getAttribute('href')") == "/runs/1"
    tab.page.route("**/*", lambda route: route.abort())
    expect(tab.page.get_by_role("status")).to_contain_text("the console does not answer")
