"""What a pocket cluster has beyond Kubernetes itself, as K3s has it: Traefik and the storage class `local-
path`.

They are plain manifests, applied at every start with server-side apply, so a newer version of the toolkit
brings its own and fields that somebody else owns stay. Nothing here depends on what a controller does with
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from autostack.pocket.client import ApiClient, Object, Resource

FIELD_MANAGER = "pocket-addons"
KINDS = {
    "ServiceAccount": Resource("", "v1", "serviceaccounts"),
    "Service": Resource("", "v1", "services"),
    "ClusterRole": Resource("rbac.authorization.k8s.io", "v1", "clusterroles"),
    "ClusterRoleBinding": Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings"),
    "IngressClass": Resource("networking.k8s.io", "v1", "ingressclasses"),
    "StorageClass": Resource("storage.k8s.io", "v1", "storageclasses"),
    "Deployment": Resource("apps", "v1", "deployments"),
}


@dataclass(frozen=True, slots=True)
class AddonSettings:
    """What differs between clusters."""

    ingress_port: int | None = 8080
    """Traefik's port on 127.0.0.1; None for a cluster without a way in, and so without Traefik."""


def manifests(settings: AddonSettings) -> Iterator[Object]:
    """The objects, in the order in which they are applied."""
    folder = files(__name__) / "manifests"
    names = ["local-path.yaml"] if settings.ingress_port is None else ["local-path.yaml", "traefik.yaml"]
    for name in names:
        for obj in yaml.load_all((folder / name).read_text(), Loader=yaml.CSafeLoader):
            yield with_host_port(obj, settings.ingress_port) if obj["kind"] == "Deployment" else obj


def with_host_port(deployment: Object, port: int | None) -> Object:
    """The Deployment with the entry point `web` at that port of the host."""
    containers: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    for one in containers:
        for declared in one["ports"]:
            if declared["name"] == "web" and port is not None:
                declared.update(hostPort=port, hostIP="127.0.0.1")
    return deployment


async def install(client: ApiClient, settings: AddonSettings) -> None:
    """Apply every manifest, those that run something last; safe to repeat."""
    objects = list(manifests(settings))
    for stage in (
        [obj for obj in objects if obj["kind"] != "Deployment"],
        [obj for obj in objects if obj["kind"] == "Deployment"],
    ):
        await asyncio.gather(*(_apply(client, obj) for obj in stage))


async def _apply(client: ApiClient, obj: Object) -> None:
    metadata = obj["metadata"]
    await client.patch(
        KINDS[obj["kind"]],
        metadata["name"],
        obj,
        metadata.get("namespace"),
        patch_type="apply",
        field_manager=FIELD_MANAGER,
        force=True,
    )
