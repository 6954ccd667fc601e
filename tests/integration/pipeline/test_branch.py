"""A branch moves from where it was seen to be, or not at all: in the repository itself and at a remote."""

from __future__ import annotations

from pathlib import Path

import pytest

from autostack.pipeline.errors import GitError, PushRejectedError
from autostack.pipeline.git import Branch, Repository


@pytest.fixture(params=["itself", "path", "file url"])
def branch(checkout, tmp_path: Path, request: pytest.FixtureRequest) -> Branch:
    bare = tmp_path / "remote.git"
    checkout.repository.run("clone", "--quiet", "--bare", str(checkout.folder), str(bare))
    remotes = {"itself": None, "path": str(bare), "file url": bare.as_uri()}
    remote = remotes[request.param]
    return Branch(Repository(bare) if remote is None else checkout.repository, "main", remote)


def child(branch: Branch, parent: str, message: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    made = branch.repository.text(*who, "commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", message)
    return str(made)


def test_it_moves_to_a_descendant(branch: Branch) -> None:
    tip = branch.tip()
    next_one = child(branch, tip, "next")
    branch.advance(tip, next_one)
    assert branch.tip() == next_one


def test_when_it_has_moved_meanwhile_that_is_said_and_nothing_is_lost(branch: Branch) -> None:
    tip = branch.tip()
    theirs, ours = child(branch, tip, "theirs"), child(branch, tip, "ours")
    branch.advance(tip, theirs)
    with pytest.raises(PushRejectedError, match="has moved"):
        branch.advance(tip, ours)
    assert branch.tip() == theirs


def test_a_commit_that_is_not_there_is_another_error_than_a_lost_race(branch: Branch) -> None:
    with pytest.raises(GitError) as raised:
        branch.advance(branch.tip(), "c0ffee" * 6 + "beef")
    assert not isinstance(raised.value, PushRejectedError)


def test_an_answer_that_was_lost_is_no_lost_race(branch: Branch) -> None:
    tip = branch.tip()
    next_one = child(branch, tip, "next")
    branch.advance(tip, next_one)
    branch.advance(tip, next_one)
    assert branch.tip() == next_one
