"""What the commands print: colours and motion for people at a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

STOP = [sys.executable, "-m", "autostack", "down", "--cluster", "nobody"]


def _environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "KUBECONFIG")}
    return {**kept, "AUTOSTACK_HOME": str(home), "TERM": "xterm", **more}


def _on_a_terminal(home: Path, **more: str) -> str:
    command = ["script", "-qec", shlex.join(STOP), "/dev/null"]
    done = subprocess.run(command, env=_environment(home, **more), capture_output=True, text=True, check=True)
    return done.stdout


def test_in_a_pipe_there_is_neither_colour_nor_motion(tmp_path: Path) -> None:
    done = subprocess.run(STOP, env=_environment(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert "stop" in done.stderr


def test_a_terminal_has_colour_unless_it_is_declined(tmp_path: Path) -> None:
    assert "\x1b[32m" in _on_a_terminal(tmp_path)
    assert "\x1b[32m" not in _on_a_terminal(tmp_path, NO_COLOR="1")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["status", "--cluster", "nobody"], 3, "there is no cluster 'nobody'"),
        (["prove", "--out", "/nowhere/proof.html"], 2, "there is no folder /nowhere"),
        (["demo", "--out", "/nowhere/proof.html"], 2, "there is no folder /nowhere"),
        (["chaos", "start", "--every", "soon"], 2, "'soon' is no duration"),
        (["down", "--purge", "--cluster", "nobody"], 2, "say --yes"),
        (["ci", "logs", "9", "--cluster", "nobody"], 1, "there is no run 9"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_expected_failure_is_one_line_and_a_documented_code(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autostack", *arguments],
        env=_environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.startswith("autostack: ")
    assert done.stderr.count("\n") == 1


def test_up_refuses_a_port_that_another_program_has_before_it_makes_anything(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = tmp_path / "clusters" / "other"
        other.mkdir(parents=True)
        (other / "ingress-url").write_text(f"http://127.0.0.1:{port}\n")
        done = subprocess.run(
            [sys.executable, "-m", "autostack", "up", "--port", str(port), "--no-remote"],
            env=_environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        f"autostack: port {port} of 127.0.0.1 is taken by cluster 'other'; name a free one with --port\n"
    )
    assert [one.name for one in (tmp_path / "clusters").iterdir()] == ["other"]
