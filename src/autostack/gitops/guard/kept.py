"""Which releases the guard has judged and kept: an annotation on the Application; pure.

Kept by the Application and not by the controller, so that neither a restart nor a system that was down and
comes up under load makes an old release new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

KEPT = "autostack.dev/releases-kept"
_REMEMBERED = 5  # per app: a revert may bring back the one before


def _read(annotations: Mapping[str, str]) -> dict[str, list[str]]:
    try:
        found = json.loads(annotations.get(KEPT, "{}"))
    except ValueError:
        return {}  # somebody edited it: at worst a release is watched once more
    if not isinstance(found, dict):
        return {}
    return {
        app: [commit for commit in commits if isinstance(commit, str)]
        for app, commits in found.items()
        if isinstance(commits, list)
    }


def is_kept(annotations: Mapping[str, str], app: str, commit: str) -> bool:
    """Whether this release of the app was judged already."""
    return commit in _read(annotations).get(app, [])


def with_kept(annotations: Mapping[str, str], app: str, commit: str) -> str:
    """The annotation's next value."""
    found = _read(annotations)
    found[app] = [*(one for one in found.get(app, []) if one != commit), commit][-_REMEMBERED:]
    return json.dumps(found, sort_keys=True, separators=(",", ":"))
