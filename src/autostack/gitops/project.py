"""An AppProject, as far as it limits: which repositories, which namespaces, which kinds an Application may
use.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from autostack.gitops.application import IN_CLUSTER, Application
from autostack.gitops.errors import SpecError
from autostack.gitops.objects import Object, ObjectKey, metadata

_REFUSED = ("signatureKeys", "syncWindows", "sourceIntegrity", "destinationServiceAccounts")


def check_application(project: Object, app: Application) -> None:
    """SpecError when the project does not permit the application's source or destination."""
    spec, name = project.get("spec") or {}, metadata(project).get("name")
    for field in _REFUSED:
        if spec.get(field):
            raise SpecError(f"AppProject {name}: spec.{field} is not supported by this controller")
    repositories = spec.get("sourceRepos") or []
    if not _permits(repositories, app.source.repo_url):
        raise SpecError(
            f"application repo {app.source.repo_url} is not permitted in project "
            f"'{name}'; add it to spec.sourceRepos"
        )
    destinations = spec.get("destinations") or []
    if not any(_is_destination(entry, app.destination_namespace) for entry in destinations):
        raise SpecError(
            f"application destination namespace '{app.destination_namespace}' is not "
            f"permitted in project '{name}'; "
            "add it to spec.destinations"
        )


def refused_objects(project: Object, keys: Iterable[ObjectKey]) -> list[str]:
    """The objects that the project does not permit, in words; [] when all are permitted."""
    spec, name = project.get("spec") or {}, metadata(project).get("name")
    refused = []
    for key in keys:
        if key.namespace:
            allowed = spec.get("namespaceResourceWhitelist")
            is_allowed = allowed is None or _lists(allowed, key)
            is_allowed = is_allowed and not _lists(spec.get("namespaceResourceBlacklist") or [], key)
            if is_allowed and not any(
                _is_destination(entry, key.namespace) for entry in spec.get("destinations") or []
            ):
                refused.append(f"namespace {key.namespace} of {key} is not permitted in project '{name}'")
                continue
        else:
            is_allowed = _lists(spec.get("clusterResourceWhitelist") or [], key)
            is_allowed = is_allowed and not _lists(spec.get("clusterResourceBlacklist") or [], key)
        if not is_allowed:
            refused.append(f"resource {key} is not permitted in project '{name}'")
    return refused


def _permits(patterns: list[str], value: str) -> bool:
    denied = any(fnmatchcase(value, pattern[1:]) for pattern in patterns if pattern.startswith("!"))
    return not denied and any(
        fnmatchcase(value, pattern) for pattern in patterns if not pattern.startswith("!")
    )


def _is_destination(entry: Object, namespace: str) -> bool:
    server = entry.get("server") or entry.get("name") or ""
    is_here = any(fnmatchcase(own, server) for own in IN_CLUSTER)
    return is_here and fnmatchcase(namespace, entry.get("namespace") or "*")


def _lists(entries: list[Object], key: ObjectKey) -> bool:
    return any(
        fnmatchcase(key.group, entry.get("group", ""))
        and fnmatchcase(key.kind, entry.get("kind", ""))
        and fnmatchcase(key.name, entry.get("name") or "*")
        for entry in entries
    )
