"""A release as a commit message tells it: the trailers by which the pipeline recognises its own work. Pure.

Autostack-Bump: worker-node v0.5 sha256:…
Autostack-Source: <the commit that was built>
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BUMP = "Autostack-Bump"
SOURCE = "Autostack-Source"


@dataclass(frozen=True, slots=True)
class Release:
    """One application's new version: the image's digest, the commit it was built from, the commit that says
    so.
    """

    app: str
    version: str
    digest: str
    source: str
    commit: str = ""


def release_message(releases: Sequence[Release]) -> str:
    """The message of the commit that puts these versions into the manifests; all have the same source."""
    names = ", ".join(f"{one.app} {one.version}" for one in releases)
    source = releases[0].source
    lines = [f"Release {names}", ""]
    lines += [f"{one.app} {one.version} is {one.digest}," for one in releases]
    lines += [f"built from {source}.", ""]
    lines += [f"{BUMP}: {one.app} {one.version} {one.digest}" for one in releases]
    lines += [f"{SOURCE}: {source}", ""]
    return "\n".join(lines)


def parse_releases(trailers: str, commit: str = "") -> tuple[Release, ...]:
    """The releases in a commit's trailers; none when it has no source or no well-formed bump."""
    fields = [line.split(": ", 1) for line in trailers.splitlines() if ": " in line]
    source = next((value.strip() for key, value in fields if key == SOURCE), None)
    if source is None:
        return ()
    bumps = [value.split() for key, value in fields if key == BUMP]
    return tuple(Release(bump[0], bump[1], bump[2], source, commit) for bump in bumps if len(bump) == 3)
