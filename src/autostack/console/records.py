"""The pipeline's records: runs as rows, and the end of a run's log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autostack.console.errors import RecordsError
from autostack.console.tones import BAD, BUSY, GOOD, QUIET
from autostack.console.units import age, formatted
from autostack.pipeline.errors import PipelineError
from autostack.pipeline.runs import ERROR, FAILURE, RUNNING, SUCCESS, Run, Runs

_TONES = {SUCCESS: GOOD, FAILURE: BAD, ERROR: BAD, RUNNING: BUSY}
_LOG_BYTES = 64 * 1024
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in one line."""

    number: int
    state: str
    commit: str
    message: str
    age: str
    took: str
    tone: str


class Records:
    """What one cluster's pipeline left; without a folder there is nothing."""

    def __init__(self, folder: str) -> None:
        self._runs = Runs(Path(folder)) if folder else None

    def newest(self, count: int) -> list[Run]:
        """The last runs, newest first; raises RecordsError."""
        return self._all()[-count:][::-1]

    def get(self, number: int) -> Run | None:
        """One run; None when there is none of that number."""
        return next((run for run in self._all() if run.number == number), None)

    def _all(self) -> list[Run]:
        try:
            return self._runs.all() if self._runs else []
        except (PipelineError, OSError) as error:
            raise RecordsError(f"the pipeline's records cannot be read: {str(error)[:200]}") from error

    def log(self, number: int) -> tuple[str, bool]:
        """The end of the run's output without its colours, and whether its beginning is missing."""
        path = self._runs.log(number) if self._runs else None
        if path is None or not path.exists():
            return "", False
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_BYTES))
            text = file.read().decode(errors="replace")
        cut = size > _LOG_BYTES
        return _COLOURS.sub("", text.partition("\n")[2] if cut else text), cut


def run_row(run: Run, now: datetime) -> RunRow:
    """The line."""
    began_s, ended_s = run.started_s, run.finished_s
    took_s = (ended_s or now.timestamp()) - began_s if began_s else None
    return RunRow(
        number=run.number,
        state=run.state,
        commit=run.head[:12],
        message=run.message,
        age=age(datetime.fromtimestamp(run.queued_s, UTC), now),
        took="" if took_s is None else formatted(round(took_s, 1), "s"),
        tone=_TONES.get(run.state, QUIET),
    )
