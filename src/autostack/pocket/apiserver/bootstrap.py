"""What every cluster has from its first second: four namespaces, the bootstrap roles, the `kubernetes`
Service.

Run at every start. What is missing is created; what somebody changed is left as it is.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.access import bootstrap_roles
from autostack.pocket.apiserver.call import ADMIN, Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DEFINITIONS
from autostack.pocket.apiserver.dispatch import create
from autostack.pocket.apiserver.extensions import definitions
from autostack.pocket.apiserver.hooks import furnish_namespace
from autostack.pocket.errors import ApiError

Object = dict[str, Any]
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


async def bootstrap(core: Core) -> None:
    """Create what is missing."""
    for name in NAMESPACES:
        await ensure(core, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for entry in core.store.entries("namespaces"):
        await furnish_namespace(core, entry.key.name)
    for entry in core.store.entries(DEFINITIONS):
        await definitions.serve(core, entry)
    for obj in (*services(core), *priority_classes(), *bootstrap_roles.objects()):
        await ensure(core, obj)


async def ensure(core: Core, obj: Object) -> None:
    """Create the object unless it is there."""
    kind = core.registry.by_kind(obj["apiVersion"], obj["kind"])
    if kind is None:
        raise ValueError(f"{obj['kind']} is not a served kind")
    call = Call(ADMIN, "create", kind, obj["metadata"].get("namespace", ""), field_manager="kube-apiserver")
    try:
        await create(core, call, obj)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


def services(core: Core) -> list[Object]:
    """The Service by which pods find the API server, and where it really listens."""
    settings = core.settings
    meta = {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    }
    port = {"name": "https", "protocol": "TCP", "port": 443, "targetPort": settings.advertise_port}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"clusterIP": str(core.service_network[1]), "ports": [port]},
    }
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**meta, "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [settings.advertise_host], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "protocol": "TCP", "port": settings.advertise_port}],
    }
    listening = {"name": "https", "port": settings.advertise_port, "protocol": "TCP"}
    endpoints = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {**meta, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": [{"ip": settings.advertise_host}], "ports": [listening]}],
    }
    return [service, piece, endpoints]


def priority_classes() -> list[Object]:
    """The two that system components use."""
    values = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
        }
        for name, value in values.items()
    ]
