"""What of a registry, and of the history of runs, is kept. Pure.

A registry keeps the newest versions, because the next number follows from them; and whatever anything refers
to by its digest or its tag, so that neither a pod that starts again nor a rollback finds its image gone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from autostack.pipeline.versions import is_version, parse_version

VERSIONS = 20
RUNS = 200
BUILT = 5

_REFERENCE = re.compile(
    r"(?P<repository>[^@\s]+?)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def kept_images(
    repository: str, tags: Mapping[str, str], references: Iterable[str], *, versions: int = VERSIONS
) -> set[str]:
    """The digests to keep of a repository, given its tags and every image reference that is in use."""
    numbered = sorted((tag for tag in tags if is_version(tag)), key=parse_version)
    kept = {tags[tag] for tag in tags if not is_version(tag)} | {tags[tag] for tag in numbered[-versions:]}
    for reference in references:
        found = _REFERENCE.fullmatch(reference)
        if found is not None and found["repository"] == repository:
            kept |= {digest for digest in (found["digest"], tags.get(found["tag"] or "")) if digest}
    return kept


def images_in(document: Any) -> set[str]:
    """Every `image` in objects of any kind."""
    if isinstance(document, Mapping):
        own = {value for key, value in document.items() if key == "image" and isinstance(value, str)}
        return own.union(*(images_in(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(images_in(one) for one in document))
    return set()


def kept_entries(
    entries: Sequence[Mapping[str, Any]], images: Collection[str], subjects: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """The entries of an index to keep: the images, and the artifacts (digest → subject) about them."""
    return [one for one in entries if one["digest"] in images or subjects.get(one["digest"]) in images]
