"""The sender as its image starts it: load, ledger, metrics, refusals, and both ways to end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import schemathesis
from harness.scripted_worker import ScriptedWorker
from harness.service_process import ServiceProcess
from harness.waiting import eventually
from hypothesis import given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from service_kit.metrics import PROCESS_METRICS, Declared, differences
from service_kit.problem_id import decode_position
from traffic_sender.ledger import acknowledged_in
from traffic_sender.ledger_file import read_ledger
from traffic_sender.metrics import DECLARED


@pytest.fixture
async def worker() -> AsyncIterator[ScriptedWorker]:
    worker = await ScriptedWorker().start()
    yield worker
    await worker.stop()


@pytest.fixture
async def sender(worker: ScriptedWorker, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    environment = {"TARGET": worker.url, "TPS": "100", "LEDGER_DIR": str(tmp_path / "ledger")}
    started = await asyncio.to_thread(ServiceProcess.start, "traffic_sender", environment)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


@pytest.fixture
async def client(sender: ServiceProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sender.url, timeout=10) as client:
        yield client


async def _wait_for_acknowledged(client: httpx.AsyncClient, count: int) -> None:
    async def acknowledged() -> bool:
        return bool((await client.get("/ledger")).json()["acknowledged"] >= count)

    await eventually(acknowledged, what=f"{count} acknowledged")


async def test_the_load_is_read_and_changed_while_it_runs(client: httpx.AsyncClient) -> None:
    assert (await client.get("/load")).json() == {"profile": "constant", "tps": 100}
    wave = {"profile": "sine", "tps": 200, "amplitude_tps": 50, "period_s": 10}
    assert (await client.put("/load", json=wave)).json() == wave
    assert (await client.get("/load")).json() == wave
    assert (await client.put("/load", json={"tps": 0})).json() == {"profile": "constant", "tps": 0}
    seen = [-1]

    async def settled() -> bool:
        ledger = (await client.get("/ledger")).json()
        seen.append(ledger["issued"])
        return bool(ledger["in_flight"] == 0 and seen[-1] == seen[-2])

    await eventually(settled, what="the last of what was due before the load was taken away")
    assert (await client.get("/ledger")).json()["issued"] == seen[-1]


@pytest.mark.parametrize(
    ("load", "where"),
    [
        ({"tps": -1}, "tps"),
        ({"tps": "5"}, "tps"),
        ({"tps": 1e12}, "tps"),
        ({"tps": True}, "tps"),
        ({"profile": "square", "tps": 1}, "body"),
        ({"profile": "ramp", "tps": 1}, "to_tps"),
        ({"profile": "sine", "tps": 1, "amplitude_tps": 2, "period_s": 1}, "amplitude_tps"),
        ({"tps": 1, "burst": 2}, "burst"),
        ([], "body"),
        (None, "body"),
    ],
)
async def test_an_impossible_load_is_refused_and_the_old_one_stays(
    client: httpx.AsyncClient, load: object, where: str
) -> None:
    refusal = await client.put("/load", json=load)
    assert refusal.status_code == 422
    assert refusal.headers["content-type"] == "application/problem+json"
    assert where in refusal.json()["detail"]
    assert (await client.get("/load")).json() == {"profile": "constant", "tps": 100}


async def test_ledger_and_bitmap_say_what_the_worker_stored(
    client: httpx.AsyncClient, worker: ScriptedWorker
) -> None:
    await _wait_for_acknowledged(client, 50)
    ledger = (await client.get("/ledger")).json()
    bitmap = await client.get("/ledger/acknowledged")
    assert bitmap.headers["content-type"] == "application/octet-stream"
    assert ledger["issued"] == sum(
        ledger[end] for end in ("acknowledged", "rejected", "given_up", "in_flight")
    )
    positions = [decode_position(UUID(stored)) for stored in worker.stored]
    assert {f"{position.run:09x}" for position in positions} == {ledger["run"]}
    assert {position.segment_ms for position in positions} == {ledger["segments"][0]["start_ms"]}
    assert set(acknowledged_in(bitmap.content)) <= {position.sequence for position in positions}


async def test_every_metric_is_declared_and_every_declared_one_exposed(client: httpx.AsyncClient) -> None:
    await _wait_for_acknowledged(client, 10)
    await client.get("/load")
    exposition = (await client.get("/metrics")).text
    ours = [line for line in exposition.splitlines() if "traffic_sender_" in line]
    assert differences(DECLARED, "\n".join(ours) + "\n") == []
    assert 'traffic_sender_problems_total{outcome="acknowledged"}' in exposition
    assert 'traffic_sender_problems_total{outcome="rejected"} 0.0' in exposition
    assert 'traffic_sender_problems_total{outcome="given_up"} 0.0' in exposition
    shared = {"http_requests_total", "http_request_duration_seconds", "build_info", *PROCESS_METRICS}
    found = differences([Declared(name, "", "") for name in shared], exposition)
    assert [
        line for line in found if "exposed and not declared" in line and "traffic_sender" not in line
    ] == []


async def test_the_pinned_names_are_the_contract_s() -> None:
    declared = {metric.name: (metric.type, metric.labels) for metric in DECLARED}
    assert (
        declared.items()
        >= {
            "traffic_sender_tps": ("gauge", ()),
            "traffic_sender_problems_total": ("counter", ("outcome",)),
            "traffic_sender_in_flight": ("gauge", ()),
            "traffic_sender_latency_seconds": ("histogram", ()),
        }.items()
    )


async def test_sigterm_ends_with_a_complete_ledger(
    client: httpx.AsyncClient, sender: ServiceProcess, worker: ScriptedWorker, tmp_path: Path
) -> None:
    await _wait_for_acknowledged(client, 50)
    run = (await client.get("/ledger")).json()["run"]
    assert await asyncio.to_thread(sender.stop) == 0
    figures, bitmap = read_ledger(tmp_path / "ledger", run)
    assert figures.final
    assert figures.in_flight == figures.given_up == 0
    assert figures.issued == figures.acknowledged == len(acknowledged_in(bitmap))
    assert {decode_position(UUID(stored)).sequence for stored in worker.stored} == set(
        acknowledged_in(bitmap)
    )


async def test_a_killed_sender_leaves_everything_up_to_its_last_snapshot(
    client: httpx.AsyncClient, sender: ServiceProcess, worker: ScriptedWorker, tmp_path: Path
) -> None:
    await _wait_for_acknowledged(client, 10)
    before = acknowledged_in((await client.get("/ledger/acknowledged")).content)
    run = (await client.get("/ledger")).json()["run"]

    async def snapshot_came() -> bool:
        return read_ledger(tmp_path / "ledger", run)[0].issued > len(before) + 20

    await eventually(snapshot_came)
    sender.process.send_signal(signal.SIGKILL)
    sender.process.wait()
    figures, bitmap = read_ledger(tmp_path / "ledger", run)
    recovered = acknowledged_in(bitmap)
    assert not figures.final
    assert figures.issued == figures.acknowledged + figures.rejected + figures.given_up + figures.in_flight
    assert len(recovered) >= figures.acknowledged
    assert (
        set(before) <= set(recovered) <= {decode_position(UUID(stored)).sequence for stored in worker.stored}
    )


async def test_no_request_makes_it_fail_or_leave_its_schema(sender: ServiceProcess) -> None:
    schema = await asyncio.to_thread(schemathesis.openapi.from_url, f"{sender.url}/openapi.json")
    for operation in schema.get_all_operations():
        await asyncio.to_thread(_fuzz, operation.ok())


def _fuzz(operation: schemathesis.APIOperation) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=25, deadline=None)
    def holds(case: schemathesis.Case) -> None:
        # That amplitude_tps is at most tps, and for_s less than every_s, cannot be said in a JSON schema.
        case.call_and_validate(timeout=10, excluded_checks=[positive_data_acceptance])

    holds()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "TARGET"),
        ({"TARGET": "https://worker"}, "TARGET"),
        ({"TARGET": "http://worker", "TPS": "-1"}, "TPS"),
        ({"TARGET": "http://worker", "PROFILE": "square"}, "PROFILE"),
        ({"TARGET": "http://worker", "WEIGHTS": "algebra=1"}, "WEIGHTS"),
    ],
)
def test_wrong_variables_stop_the_start_in_one_line(environment: dict[str, str], named: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "traffic_sender"],
        env={**{k: v for k, v in os.environ.items() if k != "TARGET"}, "LISTEN_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1
