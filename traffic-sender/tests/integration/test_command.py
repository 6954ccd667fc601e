"""The sender at the command line: figures, exit codes, and complaints in one line."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator

import pytest
from harness.scripted_worker import Call, ScriptedWorker
from harness.waiting import eventually
from rich.console import Console
from traffic_sender.engine import Engine, Plan
from traffic_sender.problems import DEFAULT_WEIGHTS, Mix
from traffic_sender.profiles import Constant
from traffic_sender.target import parse_target
from traffic_sender.view import show, sparkline


@pytest.fixture
async def worker() -> AsyncIterator[ScriptedWorker]:
    worker = await ScriptedWorker().start()
    yield worker
    await worker.stop()


async def command(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "traffic_sender", *arguments, stdout=-1, stderr=-1
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_run_ends_with_a_summary(worker: ScriptedWorker) -> None:
    code, out, err = await command("--target", worker.url, "--tps", "200", "--duration", "0.5", "--json")
    summary = json.loads(out)
    assert (code, err) == (0, "")
    assert summary["ledger"]["issued"] == summary["ledger"]["acknowledged"] == 100
    assert summary["issued_per_second"] == 200
    assert 0 < summary["latency_p50_s"] <= summary["latency_p99_s"] <= summary["latency_max_s"]


async def test_invalid_problems_are_rejected_not_given_up(worker: ScriptedWorker) -> None:
    async def refuse(worker: ScriptedWorker, call: Call) -> None:
        call.respond(422, b"{}", media="application/problem+json")

    worker.behave = refuse
    code, out, _ = await command(
        "--target", worker.url, "--tps", "100", "--duration", "0.3", "--invalid-share", "1"
    )
    assert code == 0
    assert "rejected     30" in out
    assert "given up     0" in out


async def test_a_target_that_is_not_there_is_told_by_the_exit_code(worker: ScriptedWorker) -> None:
    await worker.stop()
    code, out, err = await command(
        "--target", worker.url, "--tps", "20", "--duration", "0.2", "--deadline", "0.3"
    )
    assert code == 1
    assert "given up     4 (4 deadline)" in out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--target", "ftp://x", "--tps", "1"), "must begin with http://"),
        (("--target", "http://x", "--tps", "-1"), "tps"),
        (("--target", "http://x", "--tps", "1", "--profile", "square"), "there is no profile"),
        (("--target", "http://x", "--tps", "1", "--duration", "0"), "--duration"),
        (("--target", "http://x", "--tps", "1", "--weights", "algebra=1"), "algebra"),
        (("--tps", "1"), "--target"),
    ],
)
async def test_a_wrong_request_is_told_and_exits_2(arguments: tuple[str, ...], complaint: str) -> None:
    code, out, err = await command(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert "Traceback" not in err


async def test_the_view_shows_the_ledger(worker: ScriptedWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # on a terminal that can't move its cursor nothing is drawn
    engine = Engine(
        Plan(
            target=parse_target(worker.url),
            profile=Constant(tps=100),
            mix=Mix(1, DEFAULT_WEIGHTS),
            duration_s=0.3,
        )
    )
    await engine.start()
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    drawing = asyncio.create_task(show(engine, console=console, title="a run"))

    async def is_drawn() -> bool:
        return "a run" in screen.getvalue()

    await eventually(is_drawn, what="the view")
    await engine.stop(within_s=10)
    drawing.cancel()
    await asyncio.wait([drawing])
    assert "1 well, 0 ejected" in screen.getvalue()


def test_a_sparkline_is_as_long_as_its_values() -> None:
    assert sparkline([0, 50, 100]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""
