"""One application's desired state: the newest revision that could be rendered, and the problem with a
newer one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autostack.gitops import instructions
from autostack.gitops.application import Application, Source
from autostack.gitops.errors import ManifestError, RepositoryError, SourceError, SpecError
from autostack.gitops.objects import Object
from autostack.gitops.render import render, source_type
from autostack.gitops.source import Mirrors

_KEPT = 4


@dataclass(frozen=True, slots=True)
class Rendered:
    """The manifests of one source at one commit."""

    revision: str
    source: Source
    source_type: str
    manifests: tuple[Object, ...]


class DesiredState:
    """`current` is the last good state; `problem` says why Git's newest is not it ("" when it is)."""

    def __init__(self, mirrors: Mirrors) -> None:
        self._mirrors = mirrors
        self._rendered: dict[tuple[str, str], Rendered] = {}
        self.current: Rendered | None = None
        self.problem = ""

    async def look(self, app: Application) -> None:
        """Fetch and render; a failure leaves `current` as it was."""
        problem = ""
        if self.current is not None and self.current.source.repo_url != app.source.repo_url:
            self.current = None
        try:
            try:
                await self._mirrors.fetch(app.source.repo_url)
            except RepositoryError as error:
                problem = str(error)
            commit = await self._mirrors.resolve(app.source.repo_url, app.source.target_revision)
            self.current = await self.at(app.source, commit)
        except SourceError as error:
            problem = problem or str(error)
        self.problem = problem

    async def at(self, source: Source, commit: str) -> Rendered:
        """One source at one commit; the last few are remembered."""
        name = (str(sorted(source.raw.items(), key=str)), commit)
        if name not in self._rendered:
            folder = await self._mirrors.export(source, commit)
            root = source.path.strip("/").removeprefix("./") or "."
            manifests = tuple(await render(folder, source.directory, root))
            _check(manifests, root)
            self._rendered[name] = Rendered(commit, source, source_type(folder), manifests)
            while len(self._rendered) > _KEPT:
                del self._rendered[next(iter(self._rendered))]
        return self._rendered[name]

    async def resolve(self, source: Source, revision: str) -> str:
        """The commit that an operation asks for."""
        return await self._mirrors.resolve(source.repo_url, revision or source.target_revision)


def _check(manifests: tuple[Object, ...], root: str) -> None:
    for manifest in manifests:
        try:
            instructions.check(manifest)
        except SpecError as error:
            raise ManifestError(root, None, str(error)) from error


def namespaced_by(
    kinds_of: Callable[[Object], bool | None], manifests: tuple[Object, ...]
) -> Callable[[Object], bool]:
    """Whether an object has a namespace: as the cluster says, else as a CRD among the manifests says."""
    scopes: dict[tuple[str, str], bool] = {}
    for manifest in manifests:
        if manifest.get("kind") == "CustomResourceDefinition":
            spec = manifest.get("spec") or {}
            kind = (spec.get("names") or {}).get("kind", "")
            scopes[spec.get("group", ""), kind] = spec.get("scope") == "Namespaced"

    def is_namespaced(obj: Object) -> bool:
        known = kinds_of(obj)
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        return scopes.get((group, obj.get("kind", "")), True) if known is None else known

    return is_namespaced
