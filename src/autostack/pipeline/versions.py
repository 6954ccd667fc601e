"""Versions `v<major>.<minor>`: read, ordered as numbers, incremented. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from autostack.pipeline.errors import WorkspaceError

_VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Version(NamedTuple):
    """Compares as numbers, so v0.10 is after v0.9."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}"


def parse_version(text: str) -> Version:
    """`v0.5` as a version; raises WorkspaceError."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise WorkspaceError(f"{text!r} is not a version; it must look like v0.5")
    return Version(int(found[1]), int(found[2]))


def is_version(text: str) -> bool:
    """Whether it looks like v0.5."""
    return _VERSION.fullmatch(text) is not None


def next_version(current: Version, taken: Iterable[str], ours: Iterable[str] = ()) -> Version:
    """The version after `current`: one that we took before (`ours`) if it still is ahead, else the first
    free one.

    `taken` are the registry's tags; a tag that is not a version is nobody's version. Everything up to the
    highest taken minor of the same major counts as used, also where there is a gap.
    """
    reusable = sorted(version for version in _versions(ours) if version > current)
    if reusable:
        return reusable[-1]
    used = [version.minor for version in _versions(taken) if version.major == current.major]
    return Version(current.major, max([current.minor, *used]) + 1)


def _versions(tags: Iterable[str]) -> list[Version]:
    return [parse_version(tag) for tag in tags if is_version(tag)]
