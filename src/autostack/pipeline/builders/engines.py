"""Docker and Buildah: the application's own Dockerfile, built from a clean checkout, taken over as OCI.

The image ends in the same layout as one that was built without an engine, with the same labels and the same
SBOM. Buildah is given the commit's time, so where the Dockerfile's own steps are reproducible its image is;
Docker stamps the time of the build.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from autostack.errors import UnavailableError
from autostack.pipeline.errors import BuildError
from autostack.pipeline.git import Repository
from autostack.pipeline.images.build import (
    BuiltImage,
    attach_sbom,
    built_tag,
    describe_subject,
    remember_built,
)
from autostack.pipeline.images.document import MANIFEST, Descriptor, Subject
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.planning import snapshot

Commands = Callable[[Subject, Path, Path, Path], list[list[str]]]


def build_arguments(subject: Subject, context: Path) -> list[str]:
    """What both engines take alike: Dockerfile, build arguments, labels, context."""
    arguments = ["--file", str(context / subject.app / "Dockerfile")]
    for name, value in (("APP_VERSION", subject.version), ("GIT_REVISION", subject.revision)):
        arguments += ["--build-arg", f"{name}={value}"]
    for name, value in subject.annotations().items():
        if not name.startswith("io.auto-stack."):  # they describe images without a base; these have one
            arguments += ["--label", f"{name}={value}"]
    return arguments


def docker_commands(subject: Subject, context: Path, scratch: Path, layout: Path) -> list[list[str]]:
    """Build with Docker's daemon, save, convert, and leave it nothing but its cache."""
    reference = f"autostack.local/{subject.app}:{built_tag(subject)}"
    archive = scratch / "image.tar"
    return [
        ["docker", "build", *build_arguments(subject, context), "--tag", reference, str(context)],
        ["docker", "save", "--output", str(archive), reference],
        ["skopeo", "copy", f"docker-archive:{archive}", f"oci:{layout}:{built_tag(subject)}"],
        ["docker", "image", "rm", reference],
    ]


def buildah_commands(subject: Subject, context: Path, scratch: Path, layout: Path) -> list[list[str]]:
    """Build with Buildah, without a daemon, write the layout, and leave nothing in its store."""
    del scratch
    reference = f"autostack.local/{subject.app}:{built_tag(subject)}"
    stamp = ["--timestamp", str(subject.created_s)]
    return [
        ["buildah", "build", *build_arguments(subject, context), *stamp, "--tag", reference, str(context)],
        ["buildah", "push", "--format", "oci", reference, f"oci:{layout}:{built_tag(subject)}"],
        ["buildah", "rmi", reference],
    ]


ENGINES: dict[str, Commands] = {"docker": docker_commands, "buildah": buildah_commands}


def engine_build(
    engine: str, repository: Repository, head: str, app: str, version: str, *, context: Path, layout: Layout
) -> BuiltImage:
    """Build an application's Dockerfile; raises UnavailableError without the engine, BuildError with its
    words.
    """
    subject = describe_subject(repository, head, app, version)
    commands = ENGINES[engine](subject, context, context.parent, layout.folder)
    for program in {command[0] for command in commands}:
        if shutil.which(program) is None:
            raise UnavailableError(f"{program} is not installed; `--builder oci` needs no engine")
    layout.folder.mkdir(parents=True, exist_ok=True)
    for command in commands:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{' '.join(command[:2])} failed for {app}: {done.stderr.strip()[-800:]}")
    digest = layout.tags()[built_tag(subject)]
    manifest = Descriptor(MANIFEST, digest, layout.path(digest).stat().st_size)
    state = snapshot(repository, head)
    closure = state.workspace.closure(app)
    image = BuiltImage(
        subject, manifest, attach_sbom(layout, subject, manifest, state.read("uv.lock"), closure)
    )
    remember_built(layout, image)
    return image
