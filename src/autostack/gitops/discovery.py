"""Which kinds the cluster has, from aggregated discovery (Kubernetes 1.30 and newer): one request per
root.
"""

from __future__ import annotations

from collections.abc import Iterator

from autostack.gitops.api import Kind, KubernetesApi
from autostack.gitops.errors import ApiError
from autostack.gitops.objects import Object, group_of, version_of

_ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

# Not watched, as in Argo CD: they change all the time, belong to controllers, and nobody keeps them in Git.
UNWATCHED = frozenset(
    {
        ("", "Event"),
        ("events.k8s.io", "Event"),
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("", "Node"),
        ("coordination.k8s.io", "Lease"),
        ("", "ComponentStatus"),
        ("apps", "ControllerRevision"),
        ("", "PodTemplate"),
        ("storage.k8s.io", "CSINode"),
        ("storage.k8s.io", "VolumeAttachment"),
        ("storage.k8s.io", "CSIStorageCapacity"),
    }
)


class Kinds:
    """The kinds of one discovery: by exact API version, or the preferred version of a kind."""

    def __init__(self, kinds: list[Kind]) -> None:
        self._exact = {(kind.group, kind.version, kind.kind): kind for kind in kinds}
        self._preferred: dict[tuple[str, str], Kind] = {}
        for kind in kinds:
            self._preferred.setdefault((kind.group, kind.kind), kind)

    def of(self, obj: Object) -> Kind | None:
        """The kind of an object; None when the cluster does not have it."""
        return self._exact.get((group_of(obj), version_of(obj), obj.get("kind", "")))

    def preferred(self, group: str, kind: str) -> Kind | None:
        """The kind in the version that the server prefers."""
        return self._preferred.get((group, kind))

    def watchable(self) -> Iterator[Kind]:
        """What the live state is made of."""
        for address, kind in self._preferred.items():
            if address not in UNWATCHED and {"list", "watch", "patch"} <= kind.verbs:
                yield kind


async def discover(api: KubernetesApi) -> Kinds:
    """Ask the cluster for its kinds."""
    kinds: list[Kind] = []
    for root in ("/api", "/apis"):
        answer = await api.request("GET", root, accept=_ACCEPT)
        if answer.get("kind") != "APIGroupDiscoveryList":
            raise ApiError(
                406,
                "NotAcceptable",
                f"{root} has no aggregated discovery; Kubernetes 1.30 or newer is needed",
            )
        for group in answer.get("items") or []:
            kinds += _kinds_of(group)
    return Kinds(kinds)


def _kinds_of(group: Object) -> Iterator[Kind]:
    name = (group.get("metadata") or {}).get("name", "")
    for version in group.get("versions") or []:
        for resource in version.get("resources") or []:
            yield Kind(
                group=name,
                version=version["version"],
                kind=(resource.get("responseKind") or {}).get("kind", ""),
                plural=resource["resource"],
                namespaced=resource.get("scope") == "Namespaced",
                verbs=frozenset(resource.get("verbs") or ()),
            )
