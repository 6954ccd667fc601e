"""The pipeline by hand: run now and wait, read a log while it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from autostack.errors import UnavailableError
from autostack.pipeline.errors import PipelineError
from autostack.pipeline.git import Repository
from autostack.pipeline.places import BRANCH, Places
from autostack.pipeline.planning import snapshot
from autostack.pipeline.release import missing_images
from autostack.pipeline.runner import Runner
from autostack.pipeline.runs import UNFINISHED, Run, Runs

_LOOK_EVERY_S = 0.1


def run_now(
    places: Places, *, only: tuple[str, ...], initial: bool, again: bool, echo: Callable[[str], None]
) -> Run:
    """Queue a run for the origin's main and do it, here or in the runner that is at work; returns its end.

    Whatever an interrupted runner left in the queue is done first, so this is also how to go on after a
    crash.
    """
    if not places.origin.exists():
        raise UnavailableError(f"there is no origin at {places.origin}; `autostack up` makes it")
    head = Repository(places.origin).commit(f"refs/heads/{BRANCH}")
    runs = Runs(places.ci)
    run = runs.enqueue(head, None, only=only, initial=initial, again=again)
    runner = Runner(places, echo)
    while (now := runs.get(run.number)).state in UNFINISHED:
        runner.drain()  # returns at once while another runner is at work
        time.sleep(_LOOK_EVERY_S)
    return now


def first_images(places: Places, *, echo: Callable[[str], None]) -> Run | None:
    """Build what the manifests of the origin name and the registry lacks; None when it lacks nothing."""
    runner = Runner(places, echo)
    head = Repository(places.origin).commit(f"refs/heads/{BRANCH}")
    apps = snapshot(runner.target.repository, head).workspace.apps()
    if not missing_images(runner.target, head, apps) and not runner.runs.unfinished():
        return None
    return run_now(places, only=(), initial=True, again=True, echo=echo)


def read_log(places: Places, number: int | None, *, follow: bool) -> Iterator[bytes]:
    """A run's log; with `follow` until the run has ended."""
    runs = Runs(places.ci)
    if number is None:
        known = runs.all()
        if not known:
            raise PipelineError("there are no runs yet; a push to the origin starts one")
        number = known[-1].number
    offset, ended = 0, False
    while True:
        ended = runs.get(number).state not in UNFINISHED
        path = runs.log(number)
        if path.exists():
            with path.open("rb") as log:
                log.seek(offset)
                chunk = log.read()
            offset += len(chunk)
            yield chunk
        if ended or not follow:
            return
        time.sleep(_LOOK_EVERY_S)
