"""The branch as its commits tell it: changes with the pipeline's verdict, releases, and the guard's reverts.

Read from the origin itself, so the page shows what Git says and not what somebody remembers of it. Reading
is one `git log`; what it prints is parsed by a pure function.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autostack.console.errors import RecordsError
from autostack.console.tones import BAD, BUSY, GOOD, QUIET, WARN
from autostack.console.units import age
from autostack.pipeline.errors import PipelineError
from autostack.pipeline.git import Repository

NOTES = "autostack-ci"
_REVERT, _BUMP = "Autostack-Revert: ", "Autostack-Bump: "
_HASH = 12
_FORMAT = "%x1e%H%x1f%an%x1f%ct%x1f%s%x1f%(trailers:only,unfold)%x1f%N"
_NOTE_TONES = {"success": GOOD, "failure": BAD, "error": BAD, "running": BUSY}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; `outcome` is what became of it, in a few words."""

    hash: str
    author: str
    at: datetime
    subject: str
    outcome: str
    tone: str

    def age(self, now: datetime) -> str:
        """How long ago it was made."""
        return age(self.at, now)


class Origin:
    """The repository that people push to; it is only read."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def newest(self, count: int, branch: str = "main") -> list[Commit]:
        """The branch's last commits, newest first; none when there is no origin here (as on K3s)."""
        if not self._folder:
            return []
        log = ("log", f"-{count}", f"--format={_FORMAT}", f"--notes={NOTES}", branch, "--")
        try:
            text = Repository(Path(self._folder)).run("-c", "safe.directory=*", *log).decode(errors="replace")
        except (PipelineError, OSError) as error:
            raise RecordsError(f"the Git origin cannot be read: {str(error)[:200]}") from error
        return parse(text)


def parse(text: str) -> list[Commit]:
    """The commits in the output of `git log`. Pure."""
    return [_commit(record.split("\x1f")) for record in text.split("\x1e") if record.strip()]


def _commit(fields: Sequence[str]) -> Commit:
    commit, author, seconds, subject, trailers, note = (field.strip("\n") for field in fields)
    reverted = tuple(
        line.removeprefix(_REVERT).partition(" ")[2]
        for line in trailers.splitlines()
        if line.startswith(_REVERT)
    )
    if reverted:
        outcome, tone = f"reverted {'; '.join(reverted)}", WARN
    elif _BUMP in trailers:
        outcome, tone = "release", QUIET
    else:
        outcome, tone = _verdict(note)
    return Commit(
        hash=commit[:_HASH],
        author=author,
        at=datetime.fromtimestamp(int(seconds), UTC),
        subject=subject,
        outcome=outcome,
        tone=tone,
    )


def _verdict(note: str) -> tuple[str, str]:
    """What the pipeline's note says of a commit; a commit without one concerned no image, or waits."""
    if not note:
        return "", QUIET
    try:
        document = json.loads(note)
        state, apps = str(document["state"]), dict(document.get("apps") or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its note cannot be read", WARN
    red = sorted(app for app, one in apps.items() if one.get("state") == "red")
    released = sorted(f"{app} {one['version']}" for app, one in apps.items() if one.get("version"))
    if red:
        return f"red: the tests of {', '.join(red)} failed; nothing is released", BAD
    if released:
        return f"released {', '.join(released)}", GOOD
    return {"success": "tested"}.get(state, state), _NOTE_TONES.get(state, QUIET)
