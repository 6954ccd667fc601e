"""A pipeline that is killed in the middle of any step goes on by itself, and uses every version once.

Each step is held where it is by something that it has to wait for, a test that waits or a lock that is taken,
so the kill always comes in the middle of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from harness.runners import workers
from harness.waiting import eventually_sync

from autostack.pipeline.runner import NOTES
from autostack.pipeline.running import run_now
from autostack.pipeline.runs import ERROR, UNFINISHED
from autostack.pipeline.supervision import runner_ahead, stop_runners, supervisors

WAITS = """\
import pathlib, time

def test_waits():
    here = pathlib.Path({folder!r})
    (here / "started").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
"""


@contextlib.contextmanager
def taken(path: Path) -> Iterator[None]:
    """A lock file that somebody else holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def present(path: Path) -> Iterator[None]:
    """A lock of git's kind."""
    path.touch(exist_ok=False)
    try:
        yield
    finally:
        path.unlink()


def said(loop, words: str) -> int:
    """How many lines of the second run's log have these words."""
    log = loop.runs.log(2)
    return log.read_text().count(words) if log.exists() else 0


def kill_worker(loop) -> None:
    (worker,) = workers(loop.places)
    os.kill(worker, signal.SIGKILL)
    eventually_sync(lambda: worker not in workers(loop.places), what="the worker's death")


def released_once(loop, head: str) -> None:
    """Both applications went from v0.1 to v0.2, by one commit."""
    run = loop.ended(head)
    assert run.state == "success", loop.runs.log(run.number).read_text()
    for app in ("front-end", "back-end"):
        assert set(loop.tags(app)) == {"v0.1", "v0.2"}
        assert loop.image(app) == ("v0.2", loop.tags(app)["v0.2"])
    bumps = loop.origin.text("log", "--format=%s", "--grep=^Autostack-Bump: ", "main").splitlines()
    assert len(bumps) == 2
    # The note is written before the record, so it is there.
    assert '"state": "success"' in loop.origin.text("notes", f"--ref={NOTES}", "show", head)


@pytest.fixture
def changed(loop):
    """A loop with a commit that concerns both applications, not pushed yet; its packages layers are new."""
    loop.initial()
    loop.checkout.edit("shared-kit/src/shared_kit/__init__.py", "hello", "good day")
    loop.checkout.edit("shared-kit/pyproject.toml", 'version = "0.1.0"', f'version = "0.1.{os.getpid()}"')
    return loop


def push(loop) -> str:
    loop.checkout.commit("Be polite")
    return str(loop.push())


def held_in_its_tests(loop, tmp_path: Path) -> str:
    loop.checkout.write("back-end/tests/unit/test_waits.py", WAITS.format(folder=str(tmp_path)))
    head = push(loop)
    eventually_sync((tmp_path / "started").exists, what="the test")
    return head


def test_killed_in_its_tests(changed, tmp_path: Path) -> None:
    head = held_in_its_tests(changed, tmp_path)
    kill_worker(changed)
    (tmp_path / "go").touch()
    released_once(changed, head)
    assert changed.ended(head).attempts == 2


@pytest.mark.parametrize(
    ("lock", "reached"),
    [
        ("cache/packages.lock", ("are green", 2)),
        ("clusters/test/registry/ghcr.io/auto-stack/front-end/.lock", ("pushed ", 1)),
    ],
    ids=["building", "pushing the second of two images"],
)
def test_killed_while(changed, tmp_path: Path, lock: str, reached: tuple[str, int]) -> None:
    holds: AbstractContextManager[None] = taken(tmp_path / lock)
    with holds:
        head = push(changed)
        words, times = reached
        eventually_sync(lambda: said(changed, words) == times, what=words)
        kill_worker(changed)
    released_once(changed, head)
    assert changed.ended(head).attempts == 2


@contextlib.contextmanager
def branch_locked(loop) -> Iterator[str]:
    """A push that was handed to the runner only after somebody locked the branch; its commit."""
    (loop.places.origin / "hooks/post-receive").unlink()
    head = push(loop)
    with present(loop.places.origin / "refs/heads/main.lock"):
        with runner_ahead(loop.places):
            pass
        eventually_sync(lambda: said(loop, "pushed ") == 2, what="both images pushed")
        yield head


def test_killed_while_committing_the_versions(changed) -> None:
    with branch_locked(changed) as head:
        kill_worker(changed)
    released_once(changed, head)


def test_killed_between_the_release_and_its_record(changed) -> None:
    with contextlib.ExitStack() as held:
        with branch_locked(changed) as head:
            held.enter_context(present(changed.places.origin / f"{NOTES}.lock"))
        eventually_sync(lambda: said(changed, "released "), what="the release")
        kill_worker(changed)
    released_once(changed, head)
    assert changed.ended(head).attempts == 2


def test_killed_with_its_supervisor_it_goes_on_at_the_next_opportunity(changed, tmp_path: Path) -> None:
    head = held_in_its_tests(changed, tmp_path)
    stop_runners(changed.places)
    eventually_sync(lambda: not supervisors(changed.places), what="nobody left")
    (tmp_path / "go").touch()
    assert changed.runs.get(2).state in UNFINISHED
    run_now(changed.places, only=(), initial=False, again=False, echo=lambda _: None)
    released_once(changed, head)


def test_a_push_whose_hook_was_killed_is_found_by_the_runner(loop) -> None:
    loop.initial()
    (loop.places.origin / "hooks/post-receive").unlink()
    loop.checkout.edit("shared-kit/src/shared_kit/__init__.py", "hello", "good day")
    head = push(loop)
    assert len(loop.runs.all()) == 1
    with runner_ahead(loop.places):
        pass  # as when the hook dies here
    released_once(loop, head)


def test_a_run_that_kills_every_runner_is_given_up(loop) -> None:
    loop.initial()
    run = loop.runs.enqueue(loop.origin.commit("main"), None, again=True)
    loop.runs.update(run, attempts=3)
    assert loop.runs.get(run.number).state in UNFINISHED
    ended = run_now(loop.places, only=(), initial=False, again=False, echo=lambda _: None)
    assert (ended.number, ended.state) == (run.number, ERROR)
    assert "its runner died 3 times" in ended.message
