"""A service as a process: it refuses a bad environment, and on SIGTERM it drains, flushes and exits 0."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from harness.postgres import free_address
from harness.waiting import eventually_sync

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def start_example(**environment: str) -> tuple[subprocess.Popen[str], str]:
        host, port = free_address()
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "example_service.py")],
            env={
                **os.environ,
                "LISTEN_HOST": host,
                "LISTEN_PORT": str(port),
                "DRAIN_DELAY_S": "0",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, f"http://{host}:{port}"

    yield start_example
    for process in processes:
        process.kill()
        process.communicate()


def until_ready(url: str) -> None:
    eventually_sync(lambda: httpx.get(f"{url}/readyz").status_code == 200, what="ready")


def test_a_bad_environment_is_one_line_and_exit_code_2(start: Start) -> None:
    process, _ = start(LISTEN_PORT="http")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 2
    assert stderr == (
        "example: LISTEN_PORT must be a whole number, not 'http'; TOKEN is missing (what callers show)\n"
    )


def test_a_taken_port_is_one_line_and_exit_code_1(start: Start) -> None:
    _, url = start(TOKEN="t0k3n")
    until_ready(url)
    host, port = url.removeprefix("http://").split(":")
    second, _ = start(TOKEN="t0k3n", LISTEN_HOST=host, LISTEN_PORT=port)
    _, stderr = second.communicate(timeout=30)
    assert second.returncode == 1
    assert (
        stderr.strip()
        == f"example: cannot listen on {host}:{port} (LISTEN_HOST, LISTEN_PORT): Address already in use"
    )


def test_on_sigterm_it_answers_what_it_accepted_then_flushes_and_exits_0(start: Start) -> None:
    process, url = start(TOKEN="t0k3n")
    until_ready(url)
    answers: list[str] = []
    request = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/slow?seconds=1").text))
    request.start()
    assert process.stdout is not None
    assert process.stdout.readline() == "accepted\n"
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=30)
    request.join()
    assert process.returncode == 0
    assert answers == ['"done"']
    assert stdout == "flushed\n"
    messages = [json.loads(line)["message"] for line in stderr.splitlines()]
    assert messages == ["ready", "draining", "closed"]


def test_while_draining_it_is_alive_unready_and_still_serves(start: Start) -> None:
    process, url = start(TOKEN="t0k3n", DRAIN_DELAY_S="60")
    until_ready(url)
    process.send_signal(signal.SIGTERM)
    eventually_sync(lambda: httpx.get(f"{url}/readyz").status_code == 503, what="unready")
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/slow?seconds=0").status_code == 200
    process.send_signal(signal.SIGTERM)  # a second one skips the delay
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_service_that_cannot_finish_gives_up_with_exit_code_1(start: Start) -> None:
    process, url = start(TOKEN="t0k3n", STUCK="1", SHUTDOWN_TIMEOUT_S="0.5")
    until_ready(url)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(stderr.splitlines()[-1])["message"] == "gave up"


def test_a_service_whose_background_work_ends_drains_flushes_and_exits_1(start: Start) -> None:
    process, url = start(TOKEN="t0k3n")
    until_ready(url)
    assert httpx.get(f"{url}/break").status_code == 200
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    assert stdout == "flushed\n"
    *lines, told = stderr.splitlines()
    assert told == "example: beside ended: RuntimeError; the log says why"
    assert [json.loads(line)["message"] for line in lines] == [
        "ready", "background task ended", "draining", "closed",
    ]  # fmt: skip
    assert "asked for" in json.loads(lines[1])["trace"]
