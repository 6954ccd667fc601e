"""After the work: runs, images and leftovers that nobody needs any more are removed.

Nothing here is needed for a run, so whatever stands in its way is left for the next time. Images are removed
only while no release is in hand, and only if the cluster could be asked what it uses.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from autostack.pipeline.access import REFUSALS, Access, call
from autostack.pipeline.errors import RegistryError
from autostack.pipeline.git import Repository
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.locks import exclusive
from autostack.pipeline.places import BRANCH, Places
from autostack.pipeline.release import MANIFESTS, read_manifests
from autostack.pipeline.retention import BUILT, RUNS, VERSIONS, images_in, kept_images
from autostack.pipeline.runs import Runs
from autostack.pipeline.testing import ENVIRONMENTS

_COMMITS = 20
_LOOSE_OBJECTS = 20_000  # some hundred releases more than a checkout has that its origin was made of
_ENVIRONMENTS = 3
_USERS = ("/api/v1/pods", "/apis/apps/v1/replicasets", "/apis/apps/v1/controllerrevisions")


def tidy(places: Places, *, versions: int = VERSIONS, runs: int = RUNS) -> list[str]:
    """Remove what is over; returns a line for each thing that could not be removed."""
    Runs(places.ci).forget_all_but(runs)
    for leftover in (places.ci / "checkouts").glob("*"):
        shutil.rmtree(leftover, ignore_errors=True)
    environments = sorted((places.kept / ENVIRONMENTS).glob("*"), key=lambda one: one.stat().st_mtime)
    for environment in environments[:-_ENVIRONMENTS]:
        shutil.rmtree(environment, ignore_errors=True)
    loose = ("-c", f"gc.auto={_LOOSE_OBJECTS}", "-c", "gc.autoDetach=false")
    Repository(places.origin).run(*loose, "gc", "--auto", "--quiet")
    return [*_prune_built(places), *_prune_registry(places, versions)]


def _prune_built(places: Places) -> list[str]:
    """Of what was built and not pushed, the last few that somebody may push yet stay."""
    failed = []
    for folder in places.built.glob("*"):
        layout = Layout(folder)
        try:
            layout.keep_only(list(layout.tags().values())[-BUILT:])
        except (RegistryError, OSError) as error:
            failed.append(f"{folder} is left as it is: {error}")
    return failed


def _prune_registry(places: Places, versions: int) -> list[str]:
    layouts = [Layout(index.parent) for index in places.registry.glob("*/*/*/index.json")]
    try:
        many = [layout for layout in layouts if len(layout.tags()) > versions]
        if not many:
            return []
        with exclusive(places.ci / "release.lock"):
            references = used_in_git(Repository(places.origin)) | used_in_cluster(places.kubeconfig)
            for layout in many:
                name = str(layout.folder.relative_to(places.registry))
                layout.keep_only(kept_images(name, layout.tags(), references, versions=versions))
    except (RegistryError, *REFUSALS) as error:
        return [f"no image is removed from the registry: {error}"]
    return []


def used_in_git(origin: Repository) -> set[str]:
    """The images that the manifests of the branch's last commits name; raises PipelineError."""
    commits = origin.text("log", f"-{_COMMITS}", "--format=%H", BRANCH, "--", MANIFESTS).split()
    return {
        line.partition("image:")[2].partition(" #")[0].strip().strip("\"'")
        for commit in commits
        for text in read_manifests(origin, commit).values()
        for line in text.splitlines()
        if "image:" in line
    }


def used_in_cluster(kubeconfig: Path) -> set[str]:
    """The images of pods, and of the revisions that a rollback would bring back; raises one of REFUSALS."""
    if not kubeconfig.is_file():
        return set()
    access = Access.read(kubeconfig)
    with closing(access.connection()) as connection:
        return images_in([call(connection, access, "GET", path) for path in _USERS])
