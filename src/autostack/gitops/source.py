"""The desired state's home: a local mirror of each repository, and the tree of one revision from it.

A fetch that fails leaves the mirror as it was, so the last revision stays readable while a repository is
away.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from autostack.gitops.application import Source
from autostack.gitops.credentials import CERTIFICATES, SECRET_TYPE, Access
from autostack.gitops.errors import ManifestError, RepositoryError
from autostack.gitops.git import Git, check_url, shown_url
from autostack.gitops.guard.bump import BUMP_TRAILER, REVERT_TRAILER, LogEntry
from autostack.gitops.unpacking import unpack

KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_RELEASES = 500
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/autostack/HEAD")


class Mirrors:
    """The mirrors below one cache folder; one git at a time in each."""

    def __init__(self, cache: Path, access: Callable[[str], Access] = lambda _: Access()) -> None:
        self.cache = cache
        self._access = access
        self._locks: dict[str, asyncio.Lock] = {}

    def git(self, url: str, folder: Path) -> Git:
        """git with the right to reach `url`, in some folder."""
        return Git(folder, home=self.cache, access=self._access(url))

    def _git(self, url: str) -> Git:
        return self.git(url, self.cache / "mirrors" / hashlib.sha256(url.encode()).hexdigest()[:16])

    def tidy(self) -> None:
        """Remove what a killed process left behind; only for who has the cache to themselves.

        Exported trees go too: they are not synced to the disk, so after a power cut a file may be empty, and
        its objects would count as removed from Git. Git checks its own objects.
        """
        for lock in (self.cache / "mirrors").glob("**/*.lock"):
            lock.unlink(missing_ok=True)
        for folder in (*self.cache.glob("revert-*"), *self.cache.glob("trees/*")):
            shutil.rmtree(folder, ignore_errors=True)

    async def fetch(self, url: str) -> None:
        """Bring the mirror up to date; RepositoryError when the repository does not answer."""
        check_url(url)
        async with self._locks.setdefault(url, asyncio.Lock()):
            git = self._git(url)
            if not (git.folder / "HEAD").exists():
                git.folder.mkdir(parents=True, exist_ok=True)
                await git.run("init", "--quiet", "--bare", ".")
            try:
                await git.run(
                    "fetch", "--quiet", "--force", "--prune", "--no-write-fetch-head", "--", url, *_REFSPECS
                )
            except RepositoryError as error:
                raise RepositoryError(
                    f"{shown_url(url)} cannot be fetched: {error}{_remedy(error)}"
                ) from error

    async def resolve(self, url: str, revision: str) -> str:
        """The commit that a branch, tag, commit or HEAD names in the mirror."""
        git = self._git(url)
        if not (git.folder / "HEAD").exists():
            raise RepositoryError(f"{shown_url(url)} was never fetched")
        candidates = (
            ["refs/autostack/HEAD"]
            if revision == "HEAD"
            else [
                f"refs/heads/{revision}",
                f"refs/tags/{revision}",
                revision,
            ]
        )
        for candidate in candidates:
            if candidate.startswith("-"):
                continue
            try:
                return await git.text("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}")
            except RepositoryError:
                continue
        raise RepositoryError(
            f"{shown_url(url)} has no revision {revision!r}; give a branch, a tag or a commit"
        )

    async def releases(self, url: str, revision: str) -> list[LogEntry]:
        """The newest bump and revert commits up to a revision, newest first."""
        pattern = f"^({BUMP_TRAILER}|{REVERT_TRAILER}): "
        shown = await self._git(url).text(
            "log",
            f"-{_RELEASES}",
            "--format=%H %ct%n%B%x00",
            "--extended-regexp",
            f"--grep={pattern}",
            revision,
        )
        return [_log_entry(entry.strip()) for entry in shown.split("\0") if entry.strip()]

    async def metadata(self, url: str, commit: str) -> dict[str, str]:
        """Author, date (ISO 8601) and subject of a commit."""
        shown = await self._git(url).text("show", "--no-patch", "--format=%an <%ae>%n%aI%n%s", commit)
        author, date, subject = shown.split("\n", 2)
        return {"author": author, "date": date, "message": subject}

    async def export(self, source: Source, commit: str) -> Path:
        """The tree of the source's path at a commit, as files; with the whole tree around it for Kustomize.

        ManifestError when the commit has no such path, or when its tree holds a link that leads out of it.
        """
        name = hashlib.sha256(f"{source.repo_url}\0{source.path}".encode()).hexdigest()[:12]
        folder = self.cache / "trees" / f"{name}-{commit[:16]}"
        path = source.path.strip("/").removeprefix("./") or "."
        if not folder.exists():
            listing = await self._listing(source.repo_url, commit, path)
            is_kustomized = any(file in listing for file in KUSTOMIZATION_FILES)
            scope = [] if is_kustomized or path == "." else ["--", path]
            archive = await self._git(source.repo_url).run("archive", "--format=tar", commit, *scope)
            await asyncio.to_thread(unpack, archive, folder)
            for old in sorted(folder.parent.glob(f"{name}-*"), key=lambda tree: tree.stat().st_mtime)[:-3]:
                await asyncio.to_thread(shutil.rmtree, old, ignore_errors=True)
        return folder / path

    async def _listing(self, url: str, commit: str, path: str) -> list[str]:
        try:
            tree = commit if path == "." else f"{commit}:{path}"
            return (await self._git(url).text("ls-tree", "--name-only", tree)).splitlines()
        except RepositoryError as error:
            raise ManifestError(path, None, f"app path does not exist at revision {commit[:12]}") from error


def _log_entry(shown: str) -> LogEntry:
    head, _, message = shown.partition("\n")
    commit, _, made_s = head.partition(" ")
    return LogEntry(commit, message, float(made_s))


def _remedy(error: RepositoryError) -> str:
    said = str(error)
    if "Authentication failed" in said or "could not read Username" in said:
        return f"; put username and password into a Secret with the label {SECRET_TYPE}: repository"
    if "certificate" in said.lower():
        return f"; put the host's certificate into the ConfigMap {CERTIFICATES}"
    return ""
