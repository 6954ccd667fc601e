"""The workspace as its own files describe it: members, who uses whom, and what the lock gives each. Pure.

An application is a member with a Dockerfile beside its pyproject. Dependencies in the lock are followed
without looking at their markers: a change that matters on another platform then counts too, which costs a
build now and then and never misses one.
"""

from __future__ import annotations

import fnmatch
import threading
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from autostack.pipeline.errors import WorkspaceError

Read = Callable[[str], bytes]

_PARSING = threading.Lock()
"""Applications that are built side by side wait for one to parse the lock, and do not all do it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A package of the workspace. `uses` are the names of other members that it depends on."""

    name: str
    folder: str
    uses: tuple[str, ...]
    has_image: bool

    @property
    def module(self) -> str:
        """The Python package that `python -m` starts."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Workspace:
    """All members by name."""

    members: Mapping[str, Member]

    def apps(self) -> tuple[str, ...]:
        """The names of the members with an image, sorted."""
        return tuple(sorted(name for name, member in self.members.items() if member.has_image))

    def app(self, name: str) -> Member:
        """One application; raises WorkspaceError that lists the names there are."""
        if name not in self.apps():
            raise WorkspaceError(f"there is no application {name!r}; there are: {', '.join(self.apps())}")
        return self.members[name]

    def closure(self, name: str) -> tuple[Member, ...]:
        """The member and every member it uses, itself first."""
        found: dict[str, Member] = {}
        waiting = [name]
        while waiting:
            current = waiting.pop(0)
            if current not in found:
                found[current] = self.members[current]
                waiting.extend(self.members[current].uses)
        return tuple(found.values())


def read_workspace(paths: Collection[str], read: Read) -> Workspace:
    """The workspace of a tree, given its paths and how to read one; raises WorkspaceError."""
    root = _toml("pyproject.toml", paths, read)
    patterns = root.get("tool", {}).get("uv", {}).get("workspace", {}).get("members", [])
    folders = sorted(
        folder
        for folder in {path.rpartition("/")[0] for path in paths if path.endswith("/pyproject.toml")}
        if any(fnmatch.fnmatch(folder, pattern) for pattern in patterns)
    )
    projects = {folder: _toml(f"{folder}/pyproject.toml", paths, read) for folder in folders}
    members = (_member(folder, project, paths) for folder, project in projects.items())
    return Workspace({member.name: member for member in members})


def _member(folder: str, project: Mapping[str, Any], paths: Collection[str]) -> Member:
    name = project.get("project", {}).get("name")
    if not isinstance(name, str):
        raise WorkspaceError(f"{folder}/pyproject.toml has no project.name")
    sources = project.get("tool", {}).get("uv", {}).get("sources", {})
    uses = tuple(sorted(used for used, source in sources.items() if source.get("workspace")))
    return Member(name, folder, uses, f"{folder}/Dockerfile" in paths)


def locked_closure(lock: bytes, name: str) -> dict[str, str]:
    """What the lock gives a member: `package version` → a digest of its artefacts' hashes, registry
    packages only.
    """
    try:
        with _PARSING:
            packages = _lock_packages(lock)
        by_name: dict[str, list[dict[str, Any]]] = {}
        for package in packages:
            by_name.setdefault(package["name"], []).append(package)
        reached, waiting = set(), [name]
        while waiting:
            current = waiting.pop()
            if current in reached:
                continue
            reached.add(current)
            for package in by_name.get(current, ()):
                waiting.extend(_dependencies(package))
        return {
            f"{package['name']} {package['version']}": " ".join(sorted(_hashes(package)))
            for one in sorted(reached)
            for package in by_name.get(one, ())
            if "registry" in package.get("source", {})
        }
    except (ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(f"uv.lock can't be read: {error}; `uv lock` writes it anew") from error


@lru_cache(maxsize=4)  # a run asks for each application, and the file takes a sixth of a second to parse
def _lock_packages(lock: bytes) -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = tomllib.loads(lock.decode())["package"]
    return packages


def _dependencies(package: Mapping[str, Any]) -> list[str]:
    optional = package.get("optional-dependencies", {}).values()
    return [entry["name"] for group in (package.get("dependencies", []), *optional) for entry in group]


def _hashes(package: Mapping[str, Any]) -> list[str]:
    return [wheel["hash"] for wheel in package.get("wheels", ())] + [
        package[kind]["hash"] for kind in ("sdist",) if kind in package
    ]


def _toml(path: str, paths: Collection[str], read: Read) -> dict[str, Any]:
    if path not in paths:
        raise WorkspaceError(f"{path} is missing in this commit")
    try:
        return tomllib.loads(read(path).decode())
    except ValueError as error:
        raise WorkspaceError(f"{path} is not TOML: {error}") from error
