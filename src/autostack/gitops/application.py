"""An Application, read strictly: what this controller does not do is refused by name, never ignored.

The price is that an Application written for Argo CD's Helm or plugin sources gets a condition instead of a
guess; the gain is that what is accepted is done in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autostack.gitops import durations
from autostack.gitops.errors import SpecError
from autostack.gitops.jqpath import JqPath
from autostack.gitops.objects import Object, metadata

IN_CLUSTER = ("https://kubernetes.default.svc", "in-cluster")


@dataclass(frozen=True, slots=True)
class Directory:
    """Which files below the path are manifests; include and exclude are globs, {a,b} allowed."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the desired state is; `raw` is the source as the spec has it."""

    repo_url: str
    path: str
    target_revision: str
    directory: Directory
    raw: Object


@dataclass(frozen=True, slots=True)
class Automated:
    """syncPolicy.automated."""

    prune: bool
    self_heal: bool
    allow_empty: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed operation is tried again; the wait grows by `factor` up to `max_duration_s`. -1 =
    for ever.
    """

    limit: int = 5
    duration_s: float = 5
    factor: int = 2
    max_duration_s: float = 180


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The sync options that this controller knows, as booleans; the defaults are Argo CD's."""

    create_namespace: bool = False
    prune_last: bool = False
    prune: bool = True
    replace: bool = False
    respect_ignore_differences: bool = False
    fail_on_shared_resource: bool = False
    skip_dry_run_on_missing_resource: bool = False
    prune_propagation: str = "foreground"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One entry of ignoreDifferences; empty group, name or namespace match as Argo CD matches them ("*"
    allowed).
    """

    group: str
    kind: str
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = ()
    jq_paths: tuple[JqPath, ...] = ()
    managers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """A valid Application."""

    name: str
    namespace: str
    project: str
    source: Source
    destination: Object
    destination_namespace: str
    automated: Automated | None
    options: SyncOptions
    retry: Retry
    ignore: tuple[IgnoreRule, ...]
    history_limit: int
    raw: Object = field(repr=False)


_SPEC_FIELDS = {
    "project",
    "source",
    "destination",
    "syncPolicy",
    "ignoreDifferences",
    "info",
    "revisionHistoryLimit",
}
_SOURCE_FIELDS = {"repoURL", "path", "targetRevision", "directory", "name"}
_REFUSED = {
    "sources": "several sources are not supported by this controller; use spec.source",
    "sourceHydrator": "the source hydrator is not supported by this controller",
    "chart": (
        "Helm charts are not supported by this controller; use Argo CD for it, or render the chart into Git"
    ),
    "helm": (
        "Helm sources are not supported by this controller; use Argo CD for it, or render the chart into Git"
    ),
    "plugin": "config management plugins are not supported by this controller",
    "kustomize": "write the kustomization into Git instead of overriding it in the Application",
    "ref": "source references are not supported by this controller",
    "jsonnet": "Jsonnet is not supported by this controller",
}
# Options whose meaning here is the same whether they are given or not; see docs/decisions/0051.
_NEUTRAL_OPTIONS = {
    "ServerSideApply=true",
    "ApplyOutOfSyncOnly=true",
    "ApplyOutOfSyncOnly=false",
    "Validate=true",
}


def parse(obj: Object) -> Application:
    """The Application; SpecError names the field and the remedy."""
    meta, spec = metadata(obj), obj.get("spec") or {}
    _known(spec, _SPEC_FIELDS, "spec")
    policy = spec.get("syncPolicy") or {}
    _known(policy, {"automated", "syncOptions", "retry"}, "spec.syncPolicy")
    destination = spec.get("destination") or {}
    if destination.get("server", destination.get("name")) not in (*IN_CLUSTER, None):
        raise SpecError(
            f"spec.destination: only this cluster ({IN_CLUSTER[0]}) is supported, not "
            f"{destination.get('server') or destination.get('name')!r}"
        )
    return Application(
        name=meta.get("name", ""),
        namespace=meta.get("namespace", ""),
        project=spec.get("project") or "default",
        source=parse_source(spec.get("source") or {}),
        destination=destination,
        destination_namespace=destination.get("namespace") or "",
        automated=_automated(policy.get("automated")),
        options=parse_options(policy.get("syncOptions") or []),
        retry=parse_retry(policy.get("retry")),
        ignore=tuple(
            _ignore_rule(index, rule) for index, rule in enumerate(spec.get("ignoreDifferences") or [])
        ),
        history_limit=int(spec.get("revisionHistoryLimit", 10)),
        raw=obj,
    )


def parse_source(source: Object, where: str = "spec.source") -> Source:
    """One source; also that of an operation or a history entry."""
    _known(source, _SOURCE_FIELDS, where)
    if not source.get("repoURL"):
        raise SpecError(f"{where}.repoURL is missing; give the repository's https:// or file:// address")
    path = (source.get("path") or "").strip()
    if not path:
        raise SpecError(f"{where}.path is missing; give the directory of the manifests, '.' for the root")
    if path.startswith("/") or ".." in path.split("/"):
        raise SpecError(f"{where}.path {path!r} leaves the repository; give a relative path without '..'")
    directory = source.get("directory") or {}
    _known(directory, {"recurse", "include", "exclude"}, f"{where}.directory")
    return Source(
        repo_url=source["repoURL"],
        path=path,
        target_revision=source.get("targetRevision") or "HEAD",
        directory=Directory(
            bool(directory.get("recurse")), directory.get("include") or "", directory.get("exclude") or ""
        ),
        raw=source,
    )


def parse_options(options: list[str]) -> SyncOptions:
    """syncOptions; an option that would be ignored is refused."""
    known = {
        "CreateNamespace": "create_namespace",
        "PruneLast": "prune_last",
        "Prune": "prune",
        "Replace": "replace",
        "RespectIgnoreDifferences": "respect_ignore_differences",
        "FailOnSharedResource": "fail_on_shared_resource",
        "SkipDryRunOnMissingResource": "skip_dry_run_on_missing_resource",
    }
    chosen: dict[str, bool] = {}
    propagation = "foreground"
    for option in options:
        name, _, value = option.partition("=")
        if option in _NEUTRAL_OPTIONS:
            continue
        if name == "PrunePropagationPolicy" and value in {"foreground", "background", "orphan"}:
            propagation = value
            continue
        if name not in known or value not in {"true", "false"}:
            raise SpecError(f"spec.syncPolicy.syncOptions: {option!r} is not supported by this controller")
        chosen[known[name]] = value == "true"
    return SyncOptions(**chosen, prune_propagation=propagation)


def parse_retry(retry: Object | None) -> Retry:
    """syncPolicy.retry or an operation's; without one Argo CD's default of an automated sync holds."""
    if retry is None:
        return Retry()
    backoff = retry.get("backoff") or {}
    try:
        return Retry(
            limit=int(retry.get("limit", 0)),
            duration_s=durations.seconds(str(backoff.get("duration") or "5s")),
            factor=int(backoff.get("factor") or 2),
            max_duration_s=durations.seconds(str(backoff.get("maxDuration") or "3m")),
        )
    except ValueError as error:
        raise SpecError(f"spec.syncPolicy.retry: {error}") from error


def _automated(automated: Object | None) -> Automated | None:
    if automated is None or automated.get("enabled") is False:
        return None
    return Automated(
        prune=bool(automated.get("prune")),
        self_heal=bool(automated.get("selfHeal")),
        allow_empty=bool(automated.get("allowEmpty")),
    )


def _ignore_rule(index: int, rule: Object) -> IgnoreRule:
    where = f"spec.ignoreDifferences[{index}]"
    if not rule.get("kind"):
        raise SpecError(f"{where}.kind is missing")
    pointers = tuple(rule.get("jsonPointers") or ())
    for pointer in pointers:
        if not pointer.startswith("/"):
            raise SpecError(f"{where}: JSON pointer {pointer!r} must begin with '/' (RFC 6901)")
    try:
        paths = tuple(JqPath.parse(text) for text in rule.get("jqPathExpressions") or ())
    except ValueError as error:
        raise SpecError(f"{where}.jqPathExpressions: {error}") from error
    return IgnoreRule(
        group=rule.get("group") or "",
        kind=rule["kind"],
        name=rule.get("name") or "",
        namespace=rule.get("namespace") or "",
        json_pointers=pointers,
        jq_paths=paths,
        managers=tuple(rule.get("managedFieldsManagers") or ()),
    )


def _known(fields: Mapping[str, Any], known: set[str], where: str) -> None:
    for name, value in fields.items():
        if name not in known and value not in (None, "", [], {}, False):
            raise SpecError(
                f"{where}.{name}: {_REFUSED.get(name, 'this field is not supported by this controller')}"
            )
