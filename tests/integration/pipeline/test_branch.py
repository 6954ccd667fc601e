"""A branch moves from where it was seen to be, or not at all: in the repository itself and at a remote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from harness.git_https import git_server

from autostack.pipeline.errors import GitError, PushRejectedError
from autostack.pipeline.git import Branch, Repository


@pytest.fixture(params=["itself", "path", "file", "https"])
def branch(checkout, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Branch]:
    served = tmp_path / "served"
    served.mkdir()
    bare = served / "remote.git"
    checkout.repository.run("clone", "--quiet", "--bare", str(checkout.folder), str(bare))
    match request.param:
        case "itself":
            yield Branch(Repository(bare), "main")
        case "path":
            yield Branch(checkout.repository, "main", str(bare))
        case "file":
            yield Branch(checkout.repository, "main", bare.as_uri())
        case "https":
            with git_server(tmp_path / "server", served) as server:
                authority = tmp_path / "ca.crt"
                authority.write_text(server.certificate)
                checkout.repository.run("config", "http.sslCAInfo", str(authority))
                Repository(bare).run("config", "http.receivepack", "true")
                who = f"{server.username}:{quote(server.password)}"
                yield Branch(
                    checkout.repository, "main", f"https://{who}@{urlsplit(server.url).netloc}/remote.git"
                )


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
    with pytest.raises(PushRejectedError, match="has moved") as raised:
        branch.advance(tip, ours)
    assert "s3cret" not in str(raised.value)
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
