"""One image from one commit: layers, configuration, manifest and SBOM, written into a layout without a name.

Naming it (`push`) is a step of its own: until then nobody can pull it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autostack.pipeline.errors import BuildError
from autostack.pipeline.git import Blob, Repository
from autostack.pipeline.images.bytecode import interpreter_tag
from autostack.pipeline.images.code import code_entries, code_files
from autostack.pipeline.images.document import (
    CONFIG,
    EMPTY,
    LAYER,
    MANIFEST,
    SBOM,
    Descriptor,
    Subject,
    describe,
    encode,
    image_config,
    image_manifest,
    sbom_manifest,
)
from autostack.pipeline.images.layers import END, segment
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.images.packages import packages_layer
from autostack.pipeline.workspace import Member, Workspace, locked_closure, read_workspace

SOURCE = "https://github.com/auto-stack/auto-stack"
_DESCRIBES = ("pyproject.toml", "uv.lock")


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image in a layout: what it is of, the descriptor of its manifest, and of the artifact with its
    SBOM.
    """

    subject: Subject
    manifest: Descriptor
    sbom: Descriptor

    @property
    def digest(self) -> str:
        """The digest by which the image is pulled."""
        return self.manifest.digest

    def document(self) -> dict[str, str]:
        """What a script wants to know of it."""
        return {
            "app": self.subject.app,
            "version": self.subject.version,
            "digest": self.digest,
            "revision": self.subject.revision,
            "sbom": self.sbom.digest,
        }


def build_image(
    repository: Repository, head: str, app: str, version: str, *, layout: Layout, cache: Path
) -> BuiltImage:
    """Build the image of an application at a commit; the same arguments give the same digest."""
    head = repository.commit(head)
    tree = repository.tree(head)
    contents = _Contents(repository, tree)
    workspace = read_workspace(tree, contents.at)
    closure = workspace.closure(workspace.app(app).name)
    subject = describe_subject(repository, head, app, version)
    project = _project(workspace, contents)
    packages = packages_layer(app, project, cache)
    layout.put_file(packages.path, packages.descriptor)
    files = code_files(tree, closure)
    entries = code_entries(files, repository.read(blob.id for blob in files.values()))
    code = segment(entries, subject.created_s) + END
    layers = [packages.descriptor, _put(layout, LAYER, code)]
    config = _put(layout, CONFIG, encode(image_config(subject, layers)))
    manifest = _put(layout, MANIFEST, encode(image_manifest(subject, config, layers)))
    return BuiltImage(subject, manifest, attach_sbom(layout, subject, manifest, project["uv.lock"], closure))


def warm_packages(repository: Repository, head: str, cache: Path) -> tuple[str, ...]:
    """Make the packages layers of all applications ahead, so that first images take as long as later ones."""
    workspace, project = _read(repository, head)
    for app in workspace.apps():
        packages_layer(app, project, cache)
    return workspace.apps()


def make_packages(repository: Repository, head: str, app: str, cache: Path) -> None:
    """Make ready what an image has of the lock and not of the code, so that building it takes a moment."""
    workspace, project = _read(repository, head)
    packages_layer(workspace.app(app).name, project, cache)
    from autostack.pipeline.images import sbom  # noqa: F401, PLC0415 - what takes long is importing it

    locked_closure(project["uv.lock"], app)


def _read(repository: Repository, head: str) -> tuple[Workspace, dict[str, bytes]]:
    """The workspace of a commit, and what uv needs of it."""
    tree = repository.tree(repository.commit(head))
    contents = _Contents(repository, tree)
    workspace = read_workspace(tree, contents.at)
    return workspace, _project(workspace, contents)


def push_image(image: BuiltImage, source: Layout, target: Layout) -> None:
    """Copy the image and its SBOM to a repository and tag it; raises TagTakenError when the tag is another
    image's.
    """
    for descriptor in (image.manifest, image.sbom):
        document = source.json(descriptor.digest)
        for part in (document["config"], *document["layers"]):
            blob = Descriptor(part["mediaType"], part["digest"], part["size"])
            target.put_file(source.path(blob.digest), blob)
        target.put_file(source.path(descriptor.digest), descriptor)
    target.add(image.manifest, tag=image.subject.version)
    target.add(image.sbom, artifact_type=SBOM)


def describe_subject(repository: Repository, head: str, app: str, version: str) -> Subject:
    """What the image of an application at a commit is an image of."""
    created_s = repository.commit_time_s(head)
    return Subject(app, app.replace("-", "_"), version, head, created_s, SOURCE, interpreter_tag())


def remember_built(layout: Layout, image: BuiltImage) -> None:
    """Name an image in the layout of unpushed images, so that a later `push` finds it."""
    layout.add(image.manifest, tag=built_tag(image.subject))
    layout.add(image.sbom, artifact_type=SBOM)


def find_built(layout: Layout, subject: Subject) -> BuiltImage | None:
    """The image that was built of this subject and not pushed yet, with its SBOM; None when there is none."""
    digest = layout.tags().get(built_tag(subject))
    for entry in layout.manifests():
        if entry.get("artifactType") == SBOM:
            image = layout.json(entry["digest"])["subject"]
            if image["digest"] == digest:
                sbom = Descriptor(MANIFEST, entry["digest"], entry["size"])
                return BuiltImage(subject, Descriptor(MANIFEST, image["digest"], image["size"]), sbom)
    return None


def built_tag(subject: Subject) -> str:
    """The name of an image that is built and not pushed."""
    return f"{subject.version}-{subject.revision[:12]}"


def attach_sbom(
    layout: Layout, subject: Subject, manifest: Descriptor, lock: bytes, closure: tuple[Member, ...]
) -> Descriptor:
    """Store the SBOM of an image, and the artifact manifest that refers to the image; returns the latter."""
    from autostack.pipeline.images.sbom import sbom  # noqa: PLC0415 - a third of a second that a plan need not pay

    content = _put(
        layout, SBOM, sbom(subject, locked_closure(lock, subject.app), [member.name for member in closure])
    )
    _put(layout, EMPTY, b"{}")
    return _put(layout, MANIFEST, encode(sbom_manifest(subject, manifest, content)))


def _put(layout: Layout, media_type: str, content: bytes) -> Descriptor:
    descriptor = describe(media_type, content)
    layout.put(content, descriptor)
    return descriptor


def _project(workspace: Workspace, contents: _Contents) -> dict[str, bytes]:
    """What uv needs to install a member's packages; without a lock nothing can be built."""
    members = [f"{member.folder}/pyproject.toml" for member in workspace.members.values()]
    return {path: contents.at(path) for path in ("pyproject.toml", "uv.lock", *members)}


class _Contents:
    """What a commit's files say of the workspace, read in one git process."""

    def __init__(self, repository: Repository, tree: Mapping[str, Blob]) -> None:
        wanted = {path: tree[path].id for path in tree if PurePosixPath(path).name in _DESCRIBES}
        contents = repository.read(wanted.values())
        self._files = {path: contents[object_id] for path, object_id in wanted.items()}

    def at(self, path: str) -> bytes:
        if path not in self._files:
            raise BuildError(f"{path} is missing in the commit; the image can't be built without it")
        return self._files[path]
