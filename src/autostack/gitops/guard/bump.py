"""What a bump commit says of itself, and the text of its reversal; pure.

Only the image references of the release are put back, wherever the manifests hold them now. So other
changes of the same commit and of later commits stay, and a reference that has moved on since is left
alone: it is not ours any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

BUMP_TRAILER = "Autostack-Bump"
REVERT_TRAILER = "Autostack-Revert"
_BUMP = re.compile(
    rf"^{BUMP_TRAILER}:\s*(?P<app>[a-z0-9-]+)\s+(?P<version>v\S+)\s+(?P<digest>sha256:[0-9a-f]{{64}})\s*$",
    re.MULTILINE,
)
_REVERT = re.compile(
    rf"^{REVERT_TRAILER}:\s*(?P<commit>[0-9a-f]{{7,64}})\b"
    r"(?:[ \t]+(?P<app>[a-z0-9-]+)[ \t]+(?P<version>v\S+)[ \t]*(?P<why>.*))?$",
    re.MULTILINE,
)
_IMAGE = re.compile(
    r"(?P<repository>[a-z0-9.:/_-]+/(?P<app>[a-z0-9-]+)):(?P<version>v[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Release:
    """One app of a bump commit."""

    app: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One commit of a branch: its hash, its whole message, and when it was made (Unix seconds)."""

    commit: str
    message: str
    made_s: float = 0.0


def standing(log: Iterable[LogEntry], references: Mapping[str, str]) -> dict[str, tuple[str, Release]]:
    """For each app the release that the manifests name now, with the newest bump commit that brought it.

    `log` is newest first, `references` an image reference by app. An image that no bump brought is none.
    """
    found: dict[str, tuple[str, Release]] = {}
    for entry in log:
        for release in releases(entry.message):
            is_named = references.get(release.app, "").endswith(f":{release.version}@{release.digest}")
            if is_named and release.app not in found:
                found[release.app] = (entry.commit, release)
    return found


def alone_until_s(
    log: Iterable[LogEntry], app: str, commit: str, is_kept: Callable[[str], bool]
) -> float | None:
    """Until when the version before a release served alone, Unix seconds: "before" is the last that was kept,
    and what was released since, however it did, is nothing to measure by. `log` is newest first.
    """
    bumps = (entry for entry in log if any(release.app == app for release in releases(entry.message)))
    until_s = None
    for entry in bumps:
        if until_s is not None and is_kept(entry.commit):
            break
        if until_s is not None or entry.commit == commit:
            until_s = entry.made_s
    return until_s


def latest_reverts(log: Iterable[LogEntry]) -> dict[str, str]:
    """For each app whose newest release is a reverted one: which, and why. The next release ends that."""
    settled: set[str] = set()
    found: dict[str, str] = {}
    for entry in log:
        for match in _REVERT.finditer(entry.message):
            app = match["app"] or ""
            if app and app not in settled:
                found[app] = f"{app} {match['version']} was reverted by {entry.commit[:12]}: {match['why']}"
                settled.add(app)
        settled |= {release.app for release in releases(entry.message)}
    return found


def releases(message: str) -> list[Release]:
    """The apps that a commit bumps; [] when it is no bump commit."""
    return [Release(match["app"], match["version"], match["digest"]) for match in _BUMP.finditer(message)]


def reverted_commits(messages: Iterable[str]) -> set[str]:
    """The bump commits that these messages revert."""
    return {match["commit"] for message in messages for match in _REVERT.finditer(message)}


def image_references(manifests: Iterable[str]) -> dict[str, str]:
    """The image reference of each app in these manifests; the last one wins."""
    return {match["app"]: match[0] for text in manifests for match in _IMAGE.finditer(text)}


def restored(text: str, release: Release, previous: str) -> str:
    """The manifest with the release's references put back to the previous one."""

    def choose(match: re.Match[str]) -> str:
        is_release = (match["app"], match["version"], match["digest"]) == (
            release.app,
            release.version,
            release.digest,
        )
        return previous if is_release else match[0]

    return _IMAGE.sub(choose, text)


def revert_message(commit: str, broken: dict[Release, str]) -> str:
    """The revert commit's message: for people first, then a trailer an app for the tools."""
    names = ", ".join(f"{release.app} {release.version}" for release in broken)
    reasons = "\n".join(f"- {release.app} {release.version}: {why}" for release, why in broken.items())
    trailers = "\n".join(
        f"{REVERT_TRAILER}: {commit} {release.app} {release.version} {' '.join(why.split())}"
        for release, why in broken.items()
    )
    return f"Revert {names}\n\nThe release guard watched the rollout and found:\n{reasons}\n\n{trailers}\n"
