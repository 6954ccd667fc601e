"""What the guard asks of Prometheus: about the release's own pods now, and about the version before it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from harness.postgres import free_address
from harness.waiting import eventually

from autostack.gitops.guard.objective import Traffic
from autostack.gitops.guard.prometheus import at_best, of_application, of_pods, queries, traffic

NAMESPACE, APP = "auto-stack", "worker-node"
OLD, NEW = "worker-node-1-a", "worker-node-2-b"
SINCE_S, REPLACED_S = 200, 50  # seconds ago
RATE = 10


def _series(pod: str, begin_s: float, end_s: float, *, failing: int, p95_s: float) -> list[str]:
    """A pod's counters, a sample every 2 s: RATE requests a second, of which so many fail, all as slow."""
    lines = []
    labels = f'job="{APP}",namespace="{NAMESPACE}",pod="{pod}"'
    for step in range(int((end_s - begin_s) / 2) + 1):
        at, total = f"{begin_s + 2 * step:.3f}", RATE * 2 * step
        for status, count in (("200", total * (RATE - failing) // RATE), ("503", total * failing // RATE)):
            counter = f'http_requests_total{{{labels},route="/solve",status="{status}"}}'
            lines.append(f"{counter} {count} {at}")
        lines += [
            f'worker_calculation_duration_seconds_bucket{{{labels},le="{bound}"}} '
            f"{total if bound == '+Inf' or float(bound) >= p95_s else 0} {at}"
            for bound in ("0.01", "0.1", "1", "+Inf")
        ]
    return lines


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[tuple[str, float]]:
    """A real Prometheus that holds the past of one rollout; its address, and the moment of now."""
    programs = [shutil.which(name) for name in ("prometheus", "promtool")]
    assert all(programs), "prometheus or promtool is missing; apt-get install prometheus"
    now = float(int(time.time()))
    lines = [
        *_series(OLD, now - SINCE_S, now - REPLACED_S, failing=3, p95_s=1),
        *_series(NEW, now - REPLACED_S, now, failing=0, p95_s=0.01),
    ]
    names = ("http_requests", "worker_calculation_duration_seconds")
    kinds = {"http_requests": "counter", "worker_calculation_duration_seconds": "histogram"}
    text = ""
    for name in names:
        text += f"# TYPE {name} {kinds[name]}\n"
        text += "".join(f"{line}\n" for line in lines if line.startswith(name))
    past, data = tmp_path / "past.om", tmp_path / "data"
    past.write_text(text + "# EOF\n")
    import_past = [str(programs[1]), "tsdb", "create-blocks-from", "openmetrics", str(past), str(data)]
    await asyncio.to_thread(subprocess.run, import_past, check=True, capture_output=True)
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    host, port = free_address()
    process = await asyncio.create_subprocess_exec(
        str(programs[0]), f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={data}",
        f"--web.listen-address={host}:{port}", "--log.level=error",
    )  # fmt: skip
    url = f"http://{host}:{port}"
    try:
        async with httpx2.AsyncClient(trust_env=False) as http:

            async def is_ready() -> bool:
                return (await http.get(f"{url}/-/ready")).is_success

            await eventually(is_ready, what="Prometheus")
        yield url, now
    finally:
        process.terminate()
        await process.wait()


async def test_the_new_version_and_the_one_before_it_are_measured_apart(
    prometheus: tuple[str, float],
) -> None:
    url, now = prometheus
    async with httpx2.AsyncClient(trust_env=False) as http:
        new = await traffic(http, url, queries(APP, of_pods([(NAMESPACE, NEW)])), at=now)
        before = at_best(queries(APP, of_application(APP, NAMESPACE)), 60)
        old = await traffic(http, url, before, at=now - REPLACED_S)
        starting = await traffic(http, url, before, at=now - SINCE_S + 20)
        nothing = await traffic(http, url, before, at=now - 2 * SINCE_S)
    assert (new.requests, new.error_rate) == (pytest.approx(10 * RATE, rel=0.3), 0)
    assert new.p95_s is not None
    assert new.p95_s <= 0.01
    assert (old.requests, old.error_rate) == (pytest.approx(10 * RATE, rel=0.3), pytest.approx(0.3, rel=0.1))
    assert old.p95_s is not None
    assert old.p95_s > 0.1
    assert starting.requests is not None
    assert starting.requests < old.requests
    assert nothing == Traffic(0, None, None)


async def test_a_version_that_was_slow_only_for_a_while_is_measured_at_its_best(
    prometheus: tuple[str, float],
) -> None:
    """Over the minute in which the slow version was replaced by the quick one, the quick one counts."""
    url, now = prometheus
    async with httpx2.AsyncClient(trust_env=False) as http:
        asked = at_best(queries(APP, of_application(APP, NAMESPACE)), 60)
        found = await traffic(http, url, asked, at=now - REPLACED_S + 30)
    assert found.error_rate == 0
    assert found.p95_s is not None
    assert found.p95_s <= 0.01
