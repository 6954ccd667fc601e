"""Discovery: which groups, versions and kinds there are, in the aggregated form (v2) and in the two older
ones.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.kinds import Kind, Subresource
from autostack.pocket.apiserver.registry import Registry

Object = dict[str, Any]


def _gvk(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}


def _response_kind(kind: Kind, sub: Subresource) -> Object:
    group, _, version = (sub.group_version or kind.api_version).rpartition("/")
    return _gvk(group, version, sub.kind)


def aggregated(registry: Registry, *, legacy: bool) -> Object:
    """APIGroupDiscoveryList of /api (the core group) or /apis (all others)."""
    groups = [group for group in registry.groups() if bool(group) is not legacy]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {"metadata": {"name": group} if group else {}, "versions": _versions(registry, group)}
            for group in groups
        ],
    }


def versions_of(registry: Registry, group: str) -> list[str]:
    """A group's versions, the preferred one first (stable before beta before alpha)."""
    found = list(dict.fromkeys(kind.version for kind in registry.all() if kind.group == group))
    return sorted(found, key=lambda version: ("alpha" in version, "beta" in version, version))


def _versions(registry: Registry, group: str) -> list[Object]:
    return [
        {
            "version": version,
            "freshness": "Current",
            "resources": [
                _aggregated_resource(k) for k in registry.all() if (k.group, k.version) == (group, version)
            ],
        }
        for version in versions_of(registry, group)
    ]


def _aggregated_resource(kind: Kind) -> Object:
    found: Object = {
        "resource": kind.plural,
        "responseKind": _gvk(kind.group, kind.version, kind.kind),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        found["shortNames"] = list(kind.short_names)
    if kind.categories:
        found["categories"] = list(kind.categories)
    subresources = [
        {"subresource": name, "responseKind": _response_kind(kind, sub), "verbs": list(sub.verbs)}
        for name, sub in sorted(kind.subresources.items())
        if sub.verbs
    ]
    return {**found, "subresources": subresources} if subresources else found


def group_list(registry: Registry) -> Object:
    """APIGroupList of /apis."""
    groups = [group_object(registry, group) for group in registry.groups() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group_object(registry: Registry, group: str) -> Object:
    """APIGroup of /apis/GROUP."""
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version} for version in versions_of(registry, group)
    ]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": versions,
        "preferredVersion": versions[0],
    }


def resource_list(registry: Registry, group: str, version: str) -> Object | None:
    """APIResourceList of one group version; None when there is none."""
    kinds = [kind for kind in registry.all() if (kind.group, kind.version) == (group, version)]
    if not kinds:
        return None
    resources = []
    for kind in kinds:
        main = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            main["shortNames"] = list(kind.short_names)
        if kind.categories:
            main["categories"] = list(kind.categories)
        resources.append(main)
        for name, sub in sorted(kind.subresources.items()):
            if sub.verbs:
                resources.append(_legacy_subresource(kind, name, sub))
    group_version = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    }


def _legacy_subresource(kind: Kind, name: str, sub: Subresource) -> Object:
    found: Object = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }
    response = _response_kind(kind, sub)
    if (response["group"], response["version"]) != (kind.group, kind.version):
        found.update({"group": response["group"], "version": response["version"]})
    return found


def core_versions(host: str) -> Object:
    """APIVersions of /api."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    }
