"""What the origin's hook says to a push of something else than the branch that is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from autostack.pipeline.hook import received
from autostack.pipeline.places import places_of

OLD, NEW, ABSENT = "1" * 40, "2" * 40, "0" * 40
LOOKED = "no cluster yet, so nothing was told to look at this push"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{OLD} {NEW} refs/heads/try", ["try is not main, so nothing runs", LOOKED]),
        (f"{OLD} {ABSENT} refs/heads/try", [LOOKED]),
        (f"{ABSENT} {NEW} refs/tags/v1", [LOOKED]),
        (f"{OLD} {ABSENT} refs/heads/main", [LOOKED]),
        (f"{OLD} {NEW} refs/notes/mine", []),
    ],
    ids=["a branch", "a branch's end", "a tag", "the end of main", "notes"],
)
def test_whoever_may_follow_a_pushed_ref_is_told_to_look(tmp_path: Path, line: str, said: list[str]) -> None:
    assert received(places_of(tmp_path / "clusters" / "x"), [line]) == said
