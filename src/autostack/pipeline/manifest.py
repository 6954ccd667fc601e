"""The version lines of the manifests: found and replaced as text, so that everything else keeps its bytes.
Pure.

A version line is `image: <repository>/<app>:v0.N[@sha256:…]`, on one line, quoted or not, with or without a
comment. All lines of one application change together; if they name different versions, that is an error
and not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autostack.pipeline.errors import WorkspaceError
from autostack.pipeline.versions import Version, parse_version

_LINE = re.compile(
    r"""^(?P<before>[ \t]*(?:-[ \t]+)?image:[ \t]+(?P<quote>["']?))"""
    r"""(?P<repository>[a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)+):(?P<version>v\d+\.\d+)"""
    r"""(?:@(?P<digest>sha256:[0-9a-f]{64}))?(?P<after>(?P=quote)[ \t]*(?:\#.*)?\r?)$""",
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the manifests say of one application's image."""

    repository: str
    version: Version
    digest: str | None

    def reference(self) -> str:
        """`ghcr.io/auto-stack/worker-node:v0.5@sha256:…`"""
        return f"{self.repository}:{self.version}" + (f"@{self.digest}" if self.digest else "")


def find_pinned(manifests: Mapping[str, str], app: str) -> Pinned:
    """The image of an application in these files (path → text); raises WorkspaceError when absent or
    contradictory.
    """
    found: dict[Pinned, str] = {}
    for path, text in sorted(manifests.items()):
        for match in _lines_of(text, app):
            line = text.count("\n", 0, match.start()) + 1
            pinned = Pinned(match["repository"], parse_version(match["version"]), match["digest"])
            found.setdefault(pinned, f"{path}:{line}")
    if not found:
        raise WorkspaceError(
            f"no manifest names the image of {app}; it needs a line `image: <registry>/<owner>/{app}:v0.1`"
        )
    if len(found) > 1:
        places = ", ".join(f"{pinned.reference()} ({place})" for pinned, place in found.items())
        raise WorkspaceError(f"the manifests disagree on {app}: {places}; make the lines the same")
    return next(iter(found))


def set_pinned(text: str, app: str, pinned: Pinned) -> str:
    """The text with every version line of the application replaced; all other bytes stay."""
    for match in reversed(list(_lines_of(text, app))):
        line = f"{match['before']}{pinned.reference()}{match['after']}"
        text = text[: match.start()] + line + text[match.end() :]
    return text


def _lines_of(text: str, app: str) -> list[re.Match[str]]:
    return [match for match in _LINE.finditer(text) if match["repository"].rpartition("/")[2] == app]
