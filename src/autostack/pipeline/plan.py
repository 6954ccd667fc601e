"""Which applications a change concerns, decided by what goes into their images. Pure.

An image's inputs are: the sources and pyproject of the application and of each member it uses, its
Dockerfile, and the packages that the lock gives it. Two states of the repository are compared by those
inputs alone, so a manifest, a document or somebody else's dependency never causes a build, and a shared
package always does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from autostack.pipeline.workspace import Read, Workspace, locked_closure, read_workspace

LOCK = "uv.lock"
NEVER_BUILT = ("never built",)
ASKED_FOR = ("asked for",)


@dataclass(frozen=True)
class Snapshot:
    """A commit's files (path → object id) and a way to read one."""

    files: Mapping[str, str]
    read: Read = field(compare=False)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace as this commit describes it."""
        return read_workspace(self.files, self.read)

    def locked(self, app: str) -> dict[str, str]:
        """The application's packages in this commit's lock; none when there is no lock."""
        return locked_closure(self.read(LOCK), app) if LOCK in self.files else {}


@dataclass(frozen=True, slots=True)
class AppPlan:
    """What is to be done for one application, and why: the paths and packages that differ."""

    app: str
    build: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line for people."""
        reasons = self.build or self.test
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return f"{self.app}: {'build' if self.build else 'test only'} ({reasons[0]}{more})"


@dataclass(frozen=True, slots=True)
class Plan:
    """The applications that a commit is to be built or tested for, sorted; empty when there is nothing to
    do.
    """

    head: str
    apps: tuple[AppPlan, ...] = ()

    def builds(self) -> tuple[str, ...]:
        """The applications to build."""
        return tuple(one.app for one in self.apps if one.build)

    def tests(self) -> tuple[str, ...]:
        """The applications to test: those to build, and those whose tests alone changed."""
        return tuple(one.app for one in self.apps)

    def document(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {
            "head": self.head,
            "build": list(self.builds()),
            "test": list(self.tests()),
            "reasons": {one.app: list(one.build or one.test) for one in self.apps},
        }


def plan_app(app: str, head: Snapshot, built: Snapshot | None, base: Snapshot | None) -> AppPlan | None:
    """What `head` asks for one application.

    `built` is the state that its last release was built from (None: never), `base` the state before this
    push. A build is owed until it is released; a change of tests alone concerns only the push that brings it.
    """
    if built is None:
        return AppPlan(app, build=NEVER_BUILT)
    changed = differing(image_inputs(app, head, built), image_inputs(app, built, head))
    if changed:
        return AppPlan(app, build=changed)
    if base is not None:
        changed = differing(_tests(app, head), _tests(app, base))
        if changed:
            return AppPlan(app, test=changed)
    return None


def image_inputs(app: str, state: Snapshot, other: Snapshot) -> dict[str, str]:
    """What goes into the image in `state`; the lock is read only if it differs from the other state's."""
    if app not in state.workspace.apps():
        return {}
    roots = [f"{state.workspace.members[app].folder}/Dockerfile"]
    for member in state.workspace.closure(app):
        roots += [f"{member.folder}/src/", f"{member.folder}/pyproject.toml"]
    inputs = _under(state, roots)
    if state.files.get(LOCK) != other.files.get(LOCK):
        inputs |= state.locked(app)
    return inputs


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that are in one only, or whose values differ; sorted."""
    return tuple(sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key)))


def _tests(app: str, state: Snapshot) -> dict[str, str]:
    if app not in state.workspace.apps():
        return {}
    return _under(state, [f"{member.folder}/tests/" for member in state.workspace.closure(app)])


def _under(state: Snapshot, roots: Iterable[str]) -> dict[str, str]:
    prefixes = tuple(roots)
    return {path: object_id for path, object_id in state.files.items() if path.startswith(prefixes)}
