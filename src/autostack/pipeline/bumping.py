"""The bump alone, for images that were built elsewhere (GitHub Actions): versions into the manifests,
pushed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autostack.errors import UsageError
from autostack.pipeline.errors import PushRejectedError
from autostack.pipeline.git import Branch, Identity, Repository
from autostack.pipeline.planning import last_releases
from autostack.pipeline.release import bump_commit
from autostack.pipeline.releases import Release

_IMAGE = re.compile(r"(?P<app>[a-z0-9-]+)=(?P<version>v\d+\.\d+)@(?P<digest>sha256:[0-9a-f]{64})")
_AUTHOR = re.compile(r"(?P<name>[^<>]+?) <(?P<email>[^<> ]+)>")
_TRIES = 20


def bump_images(
    repository: Repository, images: Sequence[str], *, source: str, remote: str, branch: str, author: Identity
) -> str | None:
    """One commit on the remote's branch that sets these images; None when all were overtaken by newer
    commits.
    """
    target = Branch(repository, branch, remote)
    source = repository.commit(source)
    wanted = [_release(image, source) for image in images]
    for _ in range(_TRIES):
        tip = target.tip()
        current = last_releases(repository, tip)
        fresh = [one for one in wanted if not _overtaken(repository, current.get(one.app), source)]
        if not fresh:
            return None
        commit = bump_commit(repository, tip, fresh, author)
        try:
            target.advance(tip, commit)
        except PushRejectedError:
            continue
        return commit
    raise PushRejectedError(f"{target} moved {_TRIES} times in a row; run again")


def parse_author(text: str | None) -> Identity:
    """`Name <mail>` as an identity; raises UsageError."""
    if text is None:
        return Identity()
    found = _AUTHOR.fullmatch(text)
    if found is None:
        raise UsageError(f"author {text!r} must look like 'Name <mail@example.com>'")
    return Identity(found["name"], found["email"])


def _release(image: str, source: str) -> Release:
    found = _IMAGE.fullmatch(image)
    if found is None:
        raise UsageError(f"image {image!r} must look like worker-node=v0.5@sha256:<64 hex digits>")
    return Release(found["app"], found["version"], found["digest"], source)


def _overtaken(repository: Repository, current: Release | None, source: str) -> bool:
    return current is not None and repository.is_ancestor(source, current.source)
