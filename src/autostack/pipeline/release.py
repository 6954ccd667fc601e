"""A release of what is tested: images are built at their versions and tagged, and one commit puts the
versions into the manifests.

Each try starts from the branch as it is now: version from manifest and tags, image at that version, tag,
commit, push. When somebody else pushes in between, the next try decides anew, and whatever it made before
and can use again (same version, same commit, so same digest) it uses again. An application that a newer
commit has been released for meanwhile is left out: a release never takes anything back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from autostack.pipeline.errors import PushRejectedError, TagTakenError
from autostack.pipeline.git import Branch, Identity, Repository, identity_environment
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.manifest import Pinned, find_pinned, set_pinned
from autostack.pipeline.planning import last_releases
from autostack.pipeline.releases import Release, release_message
from autostack.pipeline.versions import Version, next_version, parse_version

MANIFESTS = "k8s-manifests/"
_TRIES = 20

MakeImage = Callable[[str, Pinned], str]
"""Builds and pushes an application's image as `pinned` names it, and returns its digest; raises
TagTakenError.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a release goes: the branch, the folder of layouts, who commits."""

    branch: Branch
    registry: Path
    identity: Identity

    @property
    def repository(self) -> Repository:
        """Where the branch's objects are."""
        return self.branch.repository

    def layout(self, pinned: Pinned) -> Layout:
        """The layout of an image's repository."""
        return Layout(self.registry / pinned.repository)


def release(
    target: Target, head: str, apps: Sequence[str], make_image: MakeImage, *, initial: bool = False
) -> tuple[Release, ...]:
    """Release the applications from `head`; returns what the branch now has, none if all were superseded.

    With `initial` the version is the one that the manifest names already. Raises PushRejectedError after
    many lost races.
    """
    refused: set[tuple[str, Version]] = set()
    for _ in range(_TRIES):
        tip = target.branch.tip()
        current = last_releases(target.repository, tip)
        done = [
            current[app] for app in apps if app in current and current[app].source == head and not initial
        ]
        finished = {one.app for one in done}
        waiting = [
            app
            for app in apps
            if app not in finished and not _superseded(target.repository, current.get(app), head)
        ]
        if not waiting:
            return tuple(done)
        texts = read_manifests(target.repository, tip)
        made = list(done)
        try:
            for app in waiting:
                pinned = _choose(target, find_pinned(texts, app), head, app, refused, initial=initial)
                try:
                    digest = make_image(app, pinned)
                except TagTakenError:
                    refused.add((app, pinned.version))
                    raise
                made.append(Release(app, str(pinned.version), digest, head))
            commit = bump_commit(target.repository, tip, made[len(done) :], target.identity)
            target.branch.advance(tip, commit)
        except (PushRejectedError, TagTakenError):
            continue
        return tuple(Release(one.app, one.version, one.digest, one.source, commit) for one in made)
    raise PushRejectedError(f"{target.branch} moved {_TRIES} times while releasing; run again")


def bump_commit(repository: Repository, parent: str, releases: Sequence[Release], identity: Identity) -> str:
    """A commit on `parent` whose manifests have these releases; nothing else of the tree is touched."""
    tree = repository.tree(parent)
    texts = read_manifests(repository, parent)
    changed = dict(texts)
    for one in releases:
        pinned = find_pinned(texts, one.app)
        new = Pinned(pinned.repository, parse_version(one.version), one.digest)
        changed = {path: set_pinned(text, one.app, new) for path, text in changed.items()}
    edited = {path: text for path, text in changed.items() if text != texts[path]}
    with TemporaryDirectory(prefix="autostack-bump-") as scratch:
        env = {"GIT_INDEX_FILE": f"{scratch}/index"}
        repository.run("read-tree", parent, env=env)
        for path, text in edited.items():
            blob = repository.run("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()
            repository.run("update-index", "--cacheinfo", f"{tree[path].mode},{blob},{path}", env=env)
        new_tree = repository.run("write-tree", env=env).decode().strip()
    message = release_message(releases).encode()
    author = identity_environment(identity)
    made = repository.run("commit-tree", new_tree, "-p", parent, stdin=message, env=author)
    return made.decode().strip()


def read_manifests(repository: Repository, commit: str) -> dict[str, str]:
    """The YAML files of the manifests' folder, by path."""
    files = {
        path: blob.id
        for path, blob in repository.tree(commit).items()
        if path.startswith(MANIFESTS) and path.endswith((".yaml", ".yml"))
    }
    contents = repository.read(files.values())
    return {path: contents[object_id].decode() for path, object_id in files.items()}


def missing_images(target: Target, commit: str, apps: Sequence[str]) -> list[str]:
    """The applications whose image, as the commit's manifests name it, is not in the registry."""
    texts = read_manifests(target.repository, commit)
    missing = []
    for app in apps:
        pinned = find_pinned(texts, app)
        present = target.layout(pinned).tags().get(str(pinned.version))
        if present is None or (pinned.digest is not None and pinned.digest != present):
            missing.append(app)
    return missing


def _choose(
    target: Target, pinned: Pinned, head: str, app: str, refused: Set[tuple[str, Version]], *, initial: bool
) -> Pinned:
    """The image's name: the version that this commit has already, or the next that no tag has."""
    layout = target.layout(pinned)
    tags = layout.tags()
    ours = {tag for tag, digest in tags.items() if _revision(layout, digest) == head}
    ours -= {str(version) for name, version in refused if name == app}
    named = str(pinned.version)
    if initial and (named not in tags or named in ours):
        return Pinned(pinned.repository, pinned.version, None)
    return Pinned(pinned.repository, next_version(pinned.version, tags, ours), None)


def _revision(layout: Layout, digest: str) -> str | None:
    return layout.labels(digest).get("org.opencontainers.image.revision")


def _superseded(repository: Repository, current: Release | None, head: str) -> bool:
    return current is not None and current.source != head and repository.is_ancestor(head, current.source)
