"""Writes the revert commit: in a clone of its own, on the newest tip, and once for a bump commit.

A push that lost the race is made again on the new tip. Whether a commit was reverted already is asked of
Git itself, so neither a crash nor a second controller makes a second revert. And only what was deployed
here before is gone back to: the first release of all has nothing behind it, however badly it does.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from autostack.gitops.application import Source
from autostack.gitops.errors import NothingEarlierError, RepositoryError, RevertError
from autostack.gitops.git import Git, check_url
from autostack.gitops.guard.bump import Release, image_references, restored, revert_message, reverted_commits
from autostack.gitops.source import Mirrors

_ATTEMPTS = 5
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Auto-Stack release guard",
    "GIT_AUTHOR_EMAIL": "guard@autostack.local",
    "GIT_COMMITTER_NAME": "Auto-Stack release guard",
    "GIT_COMMITTER_EMAIL": "guard@autostack.local",
}


async def revert(
    mirrors: Mirrors, source: Source, commit: str, broken: dict[Release, str], deployed: list[str]
) -> str:
    """Push the revert and return its commit; "" when the bump is reverted or superseded already.

    `deployed` are the revisions that were synced before. RevertError: try again later;
    NothingEarlierError: it cannot be done.
    """
    check_url(source.repo_url)
    folder = Path(tempfile.mkdtemp(prefix="revert-", dir=mirrors.cache))
    try:
        git = mirrors.git(source.repo_url, folder)
        await git.run("clone", "--quiet", "--no-tags", "--", source.repo_url, ".")
        branch = await _branch(git, source.target_revision)
        await _require_earlier(git, commit, deployed)
        for _ in range(_ATTEMPTS):
            await git.run("fetch", "--quiet", "origin", branch)
            await git.run("checkout", "--quiet", "--detach", "FETCH_HEAD")
            if not await _restore(git, source.path, commit, broken):
                return ""
            message = revert_message(commit, broken)
            await git.run(
                "commit", "--quiet", "--all", "-F", "-", stdin=message.encode(), environment=_AUTHOR
            )
            try:
                await git.run("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
            except RepositoryError as error:
                if "rejected" not in str(error) and "fetch first" not in str(error):
                    raise
                continue
            return await git.text("rev-parse", "HEAD")
    except RepositoryError as error:
        raise RevertError(f"{commit[:12]} could not be reverted: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise RevertError(
        f"{commit[:12]} could not be reverted: the branch moved {_ATTEMPTS} times while pushing"
    )


async def is_reverted(git: Git, commit: str, tip: str) -> bool:
    """Whether some commit up to `tip` reverts `commit`."""
    log = await git.text("log", "--format=%B%x00", f"{commit}..{tip}")
    return any(
        commit.startswith(found) or found.startswith(commit) for found in reverted_commits(log.split("\0"))
    )


async def _branch(git: Git, revision: str) -> str:
    if revision == "HEAD":
        return (await git.text("symbolic-ref", "--short", "refs/remotes/origin/HEAD")).removeprefix("origin/")
    try:
        await git.run("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{revision}")
    except RepositoryError as error:
        raise NothingEarlierError(
            f"targetRevision {revision} is no branch: there is nothing to push a revert to"
        ) from error
    return revision


async def _require_earlier(git: Git, commit: str, deployed: list[str]) -> None:
    for revision in reversed(deployed):
        try:
            await git.run("merge-base", "--is-ancestor", revision, f"{commit}^")
        except RepositoryError:
            continue
        return
    raise NothingEarlierError(
        "no earlier release was deployed here, so there is nothing to go back to; fix it forward"
    )


async def _restore(git: Git, path: str, commit: str, broken: dict[Release, str]) -> bool:
    """Edit the working tree; whether anything changed."""
    if await is_reverted(git, commit, "HEAD"):
        return False
    listing = await git.text("ls-tree", "-r", "--name-only", f"{commit}^", "--", path)
    files = [name for name in listing.splitlines() if name.endswith((".yaml", ".yml"))]
    before = image_references([await git.text("show", f"{commit}^:{name}") for name in files])
    changed = False
    for file in sorted((git.folder / path).rglob("*.y*ml")):
        if file.is_symlink():
            continue
        text = after = file.read_text(encoding="utf-8")
        for release in broken:
            if release.app in before:
                after = restored(after, release, before[release.app])
        if after != text:
            file.write_text(after, encoding="utf-8")
            changed = True
    return changed
