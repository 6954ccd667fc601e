"""The runner: takes queued runs, one at a time, until there are none; then it ends.

It is started by a push and holds a lock while it works, so there is one per cluster; a second one sees the
lock and leaves. Several waiting pushes become one run over all of them, since only the newest state is
worth building. A run that a killed runner left behind is executed again; after three times it is given up
as an error, so that one poisonous run does not stop the line for ever. A push whose hook was killed before it
queued it is found here, in the branch.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from autostack.errors import AutostackError
from autostack.pipeline.errors import GitError
from autostack.pipeline.execution import Execution, Outcome
from autostack.pipeline.git import Branch, Identity, Repository
from autostack.pipeline.locks import exclusive_if_free
from autostack.pipeline.places import BRANCH, Places
from autostack.pipeline.planning import is_release, plan_commit
from autostack.pipeline.release import Target
from autostack.pipeline.runs import COALESCED, ERROR, FAILURE, SUCCESS, Run, Runs, covering
from autostack.pipeline.tidying import tidy

NOTES = "refs/notes/autostack-ci"
_ATTEMPTS = 3


class Runner:
    """The runner of one cluster. `echo` hears every line that goes to the log of a run."""

    def __init__(self, places: Places, echo: Callable[[str], None] | None = None) -> None:
        self.places = places
        self.runs = Runs(places.ci)
        self._echo = echo
        self._origin = Repository(places.origin)
        self._identity = Identity(
            os.environ.get("AUTOSTACK_CI_NAME") or Identity().name,
            os.environ.get("AUTOSTACK_CI_EMAIL") or Identity().email,
        )

    def drain(self) -> None:
        """Do what is queued, and tidy up. Returns at once when another runner is at work; it will see the
        queue.
        """
        while self.runs.unfinished():
            with exclusive_if_free(self.places.ci / "runner.lock") as ours:
                if not ours:
                    return
                while (run := self._next()) is not None:
                    self._do(run)
                self._tidy()

    def _tidy(self) -> None:
        try:
            left = tidy(self.places)
        except (AutostackError, OSError) as error:
            left = [f"not everything that is over was removed: {error}"]
        for line in left:
            sys.stderr.write(f"{line}\n")

    def find_unqueued(self) -> None:
        """Queue a run for the branch's head if nothing is queued, it is owed one, and it never had any."""
        if self.runs.unfinished():
            return
        head = self.target.branch.tip()
        if not is_release(self._origin, head) and plan_commit(self._origin, head).apps:
            self.runs.enqueue(head, None)

    def _next(self) -> Run | None:
        """The run to do: the newest of those waiting, standing for the older ones of the same kind."""
        waiting = self.runs.unfinished()
        if not waiting:
            return None
        first = waiting[0]
        alike = [run for run in waiting if not (run.only or run.initial)]
        if first.only or first.initial or len(alike) == 1:
            return first
        older = alike[:-1]
        newest = self.runs.update(covering(alike))
        for run in older:
            self.runs.update(self.runs.ended(run, COALESCED, f"done together with run {newest.number}"))
        return newest

    def _do(self, run: Run) -> None:
        if run.attempts >= _ATTEMPTS:
            message = f"given up: its runner died {run.attempts} times; see the log, then `autostack ci run`"
            self._end(self.runs.ended(run, ERROR, message))
            return
        run = self.runs.start(run)
        self._note(run)
        with self._log(run) as (log, say):
            say(f"run {run.number} for {run.head[:12]}, attempt {run.attempts}")
            try:
                outcome = self._execution(log, say).run(run)
                ended = self._finish(run, outcome)
            except AutostackError as error:
                ended = self.runs.ended(run, ERROR, str(error))
            except Exception as error:  # noqa: BLE001 - recorded: a bug of ours must end the run, not the runner
                log.write(traceback.format_exc().encode())
                ended = self.runs.ended(run, ERROR, f"internal error: {error!r}")
            say(f"{ended.state}: {ended.message}")
        self._end(ended)

    def _end(self, run: Run) -> None:
        """Note first, then record: who sees the end of a run finds its note; a crash between repeats both."""
        self._note(run)
        self.runs.update(run)

    @property
    def target(self) -> Target:
        """Where this runner releases to."""
        return Target(Branch(self._origin, BRANCH), self.places.registry, self._identity)

    def _execution(self, log: IO[bytes], say: Callable[[str], None]) -> Execution:
        return Execution(self.target, self.places, log, say)

    def _finish(self, run: Run, outcome: Outcome) -> Run:
        if not outcome.green:
            message = "; ".join(outcome.failures) + "; nothing was pushed"
            return self.runs.ended(run, FAILURE, message, apps=outcome.apps, steps=outcome.steps)
        released = [f"{app} {one['version']}" for app, one in outcome.apps.items() if "version" in one]
        message = f"released {', '.join(released)}" if released else "nothing to release"
        return self.runs.ended(
            run, SUCCESS, message, apps=outcome.apps, bump=outcome.bump, steps=outcome.steps
        )

    def _note(self, run: Run) -> None:
        """The run's state on the commits that it is for, where `git log --notes=autostack-ci` and the
        console find it.
        """
        content = {
            "state": FAILURE if run.state == ERROR else run.state,
            "run": run.number,
            "apps": dict(run.apps),
            "message": run.message,
            "log": str(self.runs.log(run.number)),
        }
        try:
            for head in (run.head, *(self.runs.get(number).head for number in run.covers)):
                self._origin.write_note(NOTES, head, json.dumps(content, sort_keys=True), self._identity)
        except GitError as error:
            with self._log(run) as (_, say):
                say(f"the note could not be written: {error}")

    @contextmanager
    def _log(self, run: Run) -> Iterator[tuple[IO[bytes], Callable[[str], None]]]:
        path = self.runs.log(run.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = threading.Lock()
        with path.open("ab", buffering=0) as log:

            def say(line: str) -> None:
                stamp = time.strftime("%H:%M:%S")
                with lock:
                    log.write(f"[{stamp}] {line}\n".encode())
                if self._echo:
                    self._echo(line)

            yield log, say
