"""Building an image by the builder of one's choice; each leaves it, without a tag, in the same kind of
layout.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from autostack.errors import UsageError
from autostack.pipeline.builders.engines import ENGINES, engine_build
from autostack.pipeline.errors import BuildError
from autostack.pipeline.git import Repository
from autostack.pipeline.images.build import (
    BuiltImage,
    build_image,
    describe_subject,
    find_built,
    push_image,
    remember_built,
)
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.locks import exclusive
from autostack.pipeline.manifest import Pinned, find_pinned
from autostack.pipeline.places import Places
from autostack.pipeline.planning import snapshot
from autostack.pipeline.release import read_manifests
from autostack.pipeline.versions import next_version, parse_version


def build(
    builder: str, repository: Repository, head: str, *, app: str, version: str | None, places: Places
) -> BuiltImage:
    """Build an application at a commit; without a version at the next free one. Raises UsageError,
    BuildError.
    """
    head = repository.commit(head)
    snapshot(repository, head).workspace.app(app)
    pinned = _pinned(repository, head, app)
    taken = Layout(places.registry / pinned.repository).tags()
    named = version or str(next_version(pinned.version, taken))
    parse_version(named)
    layout = Layout(places.built / app)
    if builder == "oci":
        image = build_image(repository, head, app, named, layout=layout, cache=places.cache)
        remember_built(layout, image)
        return image
    if builder not in ENGINES:
        raise UsageError(f"there is no builder {builder!r}; there are: oci, {', '.join(ENGINES)}")
    with TemporaryDirectory(prefix="autostack-context-") as scratch:
        context = Path(scratch) / "context"
        repository.checkout(head, context)
        return engine_build(builder, repository, head, app, named, context=context, layout=layout)


def push_built(repository: Repository, head: str, app: str, version: str, places: Places) -> BuiltImage:
    """Tag the image that was built for this commit and version; raises BuildError when there is none."""
    layout = Layout(places.built / app)
    image = find_built(layout, describe_subject(repository, repository.commit(head), app, version))
    if image is None:
        raise BuildError(
            f"{app} {version} of {head} is not built; `autostack ci build {app} --version {version}` does it"
        )
    pinned = _pinned(repository, repository.commit(head), app)
    with exclusive(places.ci / "release.lock"):
        push_image(image, layout, Layout(places.registry / pinned.repository))
    return image


def _pinned(repository: Repository, head: str, app: str) -> Pinned:
    return find_pinned(read_manifests(repository, head), app)
