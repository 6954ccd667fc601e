"""The demo leaves alone what is not its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from autostack.cli import demo


def test_a_taken_port_is_passed_over() -> None:
    first = demo.free_port()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # then somebody else has just taken it, which is as good
            taken.bind(("127.0.0.1", first))
            taken.listen()
        assert demo.free_port() > first


def test_uncommitted_files_are_counted_and_nothing_is_changed(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert demo.uncommitted(tmp_path) == 0
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert demo.uncommitted(tmp_path) == 2


def test_its_commands_are_for_its_own_cluster_whatever_the_caller_s_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somebody/else")
    monkeypatch.setenv("AUTOSTACK_CLUSTER", "mine")
    environment = demo.Story("demo").environment()
    assert environment["AUTOSTACK_CLUSTER"] == "demo"
    assert "KUBECONFIG" not in environment


def test_an_earlier_report_is_not_taken_for_its_own(tmp_path: Path) -> None:
    old, new = tmp_path / "old.html", tmp_path / "new.html"
    old.write_text("old")
    os.utime(old, (1, 1))
    story = demo.Story("demo")
    new.write_text("new")
    os.utime(new, (time.time() + 1, time.time() + 1))
    assert not story.wrote(old)
    assert not story.wrote(tmp_path / "absent.html")
    assert story.wrote(new)
