"""Git by its own program: one place that runs it, with an environment of ours.

The caller's GIT_* variables never reach it (inside a hook they point to the hook's repository and
quarantine), neither does anybody's configuration of signing or hooks path. Trees are read from the object
database, never from a working tree, so what is planned and built is exactly what was committed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autostack.pipeline.errors import GitError, PushRejectedError

_MESSAGE_LIMIT = 600
_USER_IN_URL = re.compile(r"://[^/@\s]*@")
# For a reference that somebody else is writing; by itself git gives up after 100 ms.
_PATIENCE = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.filesRefLockTimeout",
    "GIT_CONFIG_VALUE_0": "10000",
}


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a tree: its mode as git has it (`100644`, `100755`, `120000`) and its object id."""

    mode: str
    id: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits."""

    name: str = "Auto-Stack CI"
    email: str = "ci@auto-stack.local"


class Repository:
    """A repository on this machine, bare or with a working tree."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """Run one git command; raises GitError with git's own words."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=_environment(env or {}),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            words = without_passwords(done.stderr.decode(errors="replace").strip())[-_MESSAGE_LIMIT:]
            raise GitError(f"git {arguments[0]} in {self.path} failed: {words or f'exit {done.returncode}'}")
        return done.stdout

    def text(self, *arguments: str) -> str:
        """The command's output as text, without the last newline."""
        return self.run(*arguments).decode(errors="surrogateescape").strip()

    def commit(self, revision: str) -> str:
        """The commit's full id; raises GitError when there is no such commit."""
        try:
            return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except GitError as error:
            raise GitError(f"there is no commit {revision!r} in {self.path}") from error

    def has_commit(self, revision: str) -> bool:
        """Whether the object is here and is a commit."""
        try:
            self.commit(revision)
        except GitError:
            return False
        return True

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older` (a commit contains itself)."""
        try:
            self.run("merge-base", "--is-ancestor", older, newer)
        except GitError:
            return False
        return True

    def commit_time_s(self, revision: str) -> int:
        """The committer's time, Unix seconds."""
        return int(self.text("show", "-s", "--format=%ct", revision))

    def tree(self, revision: str) -> dict[str, Blob]:
        """Every file of the commit, by its path."""
        listing = self.run("ls-tree", "-r", "-z", "--full-tree", revision)
        files = {}
        for entry in listing.decode(errors="surrogateescape").split("\0")[:-1]:
            details, path = entry.split("\t", 1)
            mode, _kind, object_id = details.split()
            files[path] = Blob(mode, object_id)
        return files

    def read(self, object_ids: Iterable[str]) -> dict[str, bytes]:
        """The contents of blobs, in one git process."""
        wanted = list(dict.fromkeys(object_ids))
        output = self.run("cat-file", "--batch", stdin="".join(f"{one}\n" for one in wanted).encode())
        contents, position = {}, 0
        for _ in wanted:
            end = output.index(b"\n", position)
            object_id, kind, *size = output[position:end].decode().split()
            if kind == "missing":
                raise GitError(f"object {object_id} is missing in {self.path}; `git fsck` tells more")
            start = end + 1
            contents[object_id] = output[start : start + int(size[0])]
            position = start + int(size[0]) + 1
        return contents

    def checkout(self, revision: str, folder: Path) -> None:
        """Write the commit's files into `folder`, with an index of its own beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        git_dir = self.text("rev-parse", "--absolute-git-dir")
        index = folder.with_name(folder.name + ".index")
        index.unlink(missing_ok=True)
        place = {"GIT_DIR": git_dir, "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)}
        self.run("read-tree", revision, env=place)
        self.run("checkout-index", "--all", "--force", f"--prefix={folder}/", env=place)
        index.unlink(missing_ok=True)

    def write_note(self, ref: str, commit: str, content: str, identity: Identity) -> None:
        """Set the note of a commit; the last writer wins."""
        env = identity_environment(identity)
        self.run("notes", f"--ref={ref}", "add", "--force", "--message", content, commit, env=env)


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that commits are added to: of a remote, or (without one) of the repository itself."""

    repository: Repository
    name: str
    remote: str | None = None

    def tip(self) -> str:
        """The branch's commit, with its objects here."""
        if self.remote is None:
            return self.repository.commit(f"refs/heads/{self.name}")
        reference = f"refs/heads/{self.name}"
        line = self.repository.text("ls-remote", "--exit-code", self.remote, reference)
        commit = line.split()[0]
        if not self.repository.has_commit(commit):
            options = ("--quiet", "--no-tags", "--no-write-fetch-head")
            self.repository.run("fetch", *options, self.remote, reference)
        return commit

    def advance(self, old: str, new: str) -> None:
        """Move the branch from `old` to its descendant `new`; raises PushRejectedError when it is elsewhere.

        In the repository itself that is a compare-and-swap, and no hook hears of it.
        """
        reference = f"refs/heads/{self.name}"
        try:
            if self.remote is None:
                self.repository.run("update-ref", reference, new, old)
            else:
                self.repository.run("push", "--quiet", "--porcelain", self.remote, f"{new}:{reference}")
        except GitError as error:
            now = self.tip()
            if now == old:
                raise
            if now == new:  # it got there, and only the answer was lost
                return
            raise PushRejectedError(f"{self} has moved: {error}") from error

    def __str__(self) -> str:
        """For messages."""
        return f"{self.name} of {without_passwords(self.remote or str(self.repository.path))}"


def without_passwords(text: str) -> str:
    """The text with the user's part taken out of every address."""
    return _USER_IN_URL.sub("://", text)


def identity_environment(identity: Identity) -> dict[str, str]:
    """The variables by which git takes author and committer."""
    return {
        "GIT_AUTHOR_NAME": identity.name,
        "GIT_AUTHOR_EMAIL": identity.email,
        "GIT_COMMITTER_NAME": identity.name,
        "GIT_COMMITTER_EMAIL": identity.email,
    }


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | _PATIENCE | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"} | dict(extra)
