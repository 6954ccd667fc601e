"""The origin's log, told by the commits themselves: a real repository, a real note."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from autostack.console.commits import NOTES, Origin
from autostack.console.errors import RecordsError
from autostack.console.tones import BAD, GOOD, QUIET, WARN


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Dana", "-c", "user.email=dana@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def _commit(folder: Path, message: str, note: object = None) -> None:
    _git(folder, "commit", "-q", "--allow-empty", "-m", message)
    if note is not None:
        text = note if isinstance(note, str) else json.dumps(note)
        _git(folder, "notes", "--ref", NOTES, "add", "-m", text, "HEAD")


def test_a_commit_says_what_became_of_it(origin: Path) -> None:
    _commit(origin, "Say a word", {"state": "success", "apps": {}})
    red = {"worker-node": {"state": "red"}, "result-node": {"state": "held"}}
    _commit(origin, "Break it", {"state": "failure", "apps": red})
    _commit(origin, "Mend it", {"state": "success", "apps": {"worker-node": {"version": "v0.2"}}})
    _commit(
        origin,
        "Release worker-node v0.2\n\nAutostack-Bump: worker-node v0.2 sha256:00\nAutostack-Source: 1\n",
    )
    _commit(origin, "Revert worker-node v0.2\n\nAutostack-Revert: 0123abc worker-node v0.2 it crashes\n")
    _commit(origin, "Words only")
    _commit(origin, "Noted by a stranger", "[1")
    assert [(one.subject, one.outcome, one.tone) for one in Origin(str(origin)).newest(9)] == [
        ("Noted by a stranger", "its note cannot be read", WARN),
        ("Words only", "", QUIET),
        ("Revert worker-node v0.2", "reverted worker-node v0.2 it crashes", WARN),
        ("Release worker-node v0.2", "release", QUIET),
        ("Mend it", "released worker-node v0.2", GOOD),
        ("Break it", "red: the tests of worker-node failed; nothing is released", BAD),
        ("Say a word", "tested", GOOD),
    ]


def test_an_origin_that_cannot_be_read_is_said_and_none_is_nothing(tmp_path: Path) -> None:
    assert Origin("").newest(3) == []
    with pytest.raises(RecordsError, match="the Git origin cannot be read"):
        Origin(str(tmp_path / "absent")).newest(3)
