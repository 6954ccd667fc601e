"""The runs of one cluster as files: a durable queue, a history, and each run's log.

A run is `runs/000007.json`, replaced whole at every change and synced before anybody is told; its number is
given once. So whatever is killed, the next runner sees every run that was acknowledged and how far it came.
Files instead of a database: a person can read them, and there is one writer per run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from autostack.pipeline.errors import PipelineError
from autostack.pipeline.locks import exclusive

QUEUED, RUNNING, SUCCESS, FAILURE, ERROR, COALESCED = (
    "queued", "running", "success", "failure", "error", "coalesced",
)  # fmt: skip
UNFINISHED = (QUEUED, RUNNING)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `base` is the branch before the push, `head` the commit it is for; times are Unix seconds.

    `apps` is what came of each application: `{"state", "version"?, "digest"?}`; `covers` are the older runs
    that it stands for; `steps` is when it had planned, tested and so on; `message` is one line for people.
    """

    number: int
    head: str
    base: str | None = None
    only: tuple[str, ...] = ()
    initial: bool = False
    state: str = QUEUED
    queued_s: float = 0
    started_s: float | None = None
    finished_s: float | None = None
    attempts: int = 0
    apps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bump: str | None = None
    covers: tuple[int, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    message: str = ""

    def document(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return asdict(self)


def covering(alike: Sequence[Run]) -> Run:
    """The newest of these runs, standing for the older ones: its range begins where the oldest's does.

    A runner that was killed while it closed the older ones has left some out of `alike`; the run that was to
    stand for them covers them already.
    """
    newest = alike[-1]
    oldest = min(alike, key=lambda run: min((run.number, *run.covers)))
    covers = {number for run in alike for number in (*run.covers, run.number)} - {newest.number}
    return replace(newest, base=oldest.base, covers=tuple(sorted(covers)))


class Runs:
    """The records under one folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock

    def log(self, number: int) -> Path:
        """Where the run's output is."""
        return self.folder / "logs" / f"{number:06}.log"

    def get(self, number: int) -> Run:
        """One run; raises PipelineError when there is none."""
        path = self._record(number)
        if not path.exists():
            raise PipelineError(f"there is no run {number}; `autostack ci runs` lists them")
        return _read(path)

    def all(self) -> list[Run]:
        """Every run, oldest first."""
        return [_read(path) for path in sorted((self.folder / "runs").glob("[0-9]*.json"))]

    def unfinished(self) -> list[Run]:
        """Runs that a runner still has to do, oldest first."""
        return [run for run in self.all() if run.state in UNFINISHED]

    def enqueue(
        self,
        head: str,
        base: str | None,
        *,
        only: tuple[str, ...] = (),
        initial: bool = False,
        again: bool = False,
    ) -> Run:
        """A new run for a commit, or the one that there is (unless `again`, or something else is asked
        for).
        """
        with exclusive(self.folder / "queue.lock"):
            known = self.all()
            for run in reversed(known):
                same = (run.head, run.only, run.initial) == (head, only, initial)
                if same and (run.state in UNFINISHED or not again):
                    return run
            number = known[-1].number + 1 if known else 1
            made = Run(number, head, base, only, initial, queued_s=self._clock())
            self._write(made)
            return made

    def forget_all_but(self, count: int) -> None:
        """Remove the oldest records and their logs; what is not finished stays, and so do all numbers."""
        for run in self.all()[:-count]:
            if run.state not in UNFINISHED:
                self._record(run.number).unlink(missing_ok=True)
                self.log(run.number).unlink(missing_ok=True)

    def update(self, run: Run, **changes: Any) -> Run:
        """The run with these fields changed, on disk."""
        changed = replace(run, **changes)
        self._write(changed)
        return changed

    def start(self, run: Run) -> Run:
        """The run marked as running."""
        return self.update(run, state=RUNNING, started_s=self._clock(), attempts=run.attempts + 1)

    def ended(self, run: Run, state: str, message: str, **changes: Any) -> Run:
        """The run with its end, not on disk yet."""
        return replace(run, state=state, message=message, finished_s=self._clock(), **changes)

    def _record(self, number: int) -> Path:
        return self.folder / "runs" / f"{number:06}.json"

    def _write(self, run: Run) -> None:
        path = self._record(run.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with fresh.open("w") as out:
            json.dump(run.document(), out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> Run:
    try:
        record = json.loads(path.read_bytes())
        return Run(**{**record, "only": tuple(record["only"]), "covers": tuple(record["covers"])})
    except (ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"the run record {path} is damaged: {error}; remove it to go on") from error
