"""Pushes that come together: two applications in one, another at once, and a runner killed on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from harness.runners import workers
from harness.stack import Stack, minor
from harness.waiting import eventually_sync

from autostack.pipeline.git import Repository
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.places import places_of
from autostack.pipeline.planning import last_releases

pytestmark = pytest.mark.timeout(600)

CHANGED = {
    "result-node": "result-node/src/result_node/__init__.py",
    "traffic-sender": "traffic-sender/src/traffic_sender/__init__.py",
    "worker-node": "worker-node/src/worker_node/__init__.py",
}


def _change(clone: Path, *apps: str) -> None:
    for app in apps:
        path = clone / CHANGED[app]
        path.write_text(path.read_text() + "# Another version.\n")


def _released(stack: Stack, app: str) -> tuple[str, str]:
    """Version and digest of the last release, whatever a release guard made of it since."""
    release = last_releases(Repository(stack.folder / "origin.git"), "main")[app]
    return release.version, release.digest


def _kill_a_runner_at_work(stack: Stack) -> None:
    at_work = eventually_sync(lambda: workers(places_of(stack.folder)), what="a runner at work")
    os.kill(at_work[0], signal.SIGKILL)


def test_two_pushes_of_three_applications_and_a_killed_runner_give_each_one_new_version(
    stack: Stack, clone: Path
) -> None:
    before = {app: _released(stack, app)[0] for app in CHANGED}
    _change(clone, "result-node", "traffic-sender")
    both = stack.push(clone, "Change two applications").commit
    _change(clone, "worker-node")
    third = stack.push(clone, "Change the third").commit
    _kill_a_runner_at_work(stack)

    for commit in (both, third):
        assert stack.run_of(commit)["state"] in ("success", "coalesced")
    for app, old in before.items():
        live = stack.wait_for_version(app, lambda version, old=old: minor(version) > minor(old))
        version, digest = _released(stack, app)
        tags = Layout(stack.folder / "registry" / "ghcr.io" / "auto-stack" / app).tags()
        assert live == version == f"v0.{minor(old) + 1}"
        assert tags[version] == digest
        assert len(set(tags.values())) == len(tags)
    stack.wait_until_good()
    stack.wait_for_traffic(100)
