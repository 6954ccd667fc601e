"""The objects that matter, as the Kubernetes API has them now: list, then watch, then list again when told
to.

A lost connection keeps what was known and is retried; a kind that the cluster does not know yet counts as
having no objects and is asked for again. Every change sets `changed`; whoever acts on it clears it first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.core.exceptions import LoadResourceError
from lightkube.core.resource import NamespacedResource
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Pod, Service
from lightkube.resources.discovery_v1 import EndpointSlice

log = logging.getLogger("autostack.observability")

GROUP = "monitoring.coreos.com"
MONITORING: tuple[type[NamespacedResource], ...] = (
    create_namespaced_resource(GROUP, "v1", "ServiceMonitor", "servicemonitors"),
    create_namespaced_resource(GROUP, "v1", "PodMonitor", "podmonitors"),
    create_namespaced_resource(GROUP, "v1", "PrometheusRule", "prometheusrules"),
)
TARGETS: tuple[type[NamespacedResource], ...] = (EndpointSlice, Service, Pod)
_RETRY_S = 1.0

Key = tuple[str, str]
Object = dict[str, Any]


@dataclass
class Observed:
    """One kind's objects by (namespace, name)."""

    resource: type[NamespacedResource]
    changed: asyncio.Event
    objects: dict[Key, Object] = field(default_factory=dict)
    synced: asyncio.Event = field(default_factory=asyncio.Event)

    async def refresh(self, client: AsyncClient) -> str:
        """List; returns the version from which a watch goes on."""
        try:
            listing = client.list(self.resource, namespace="*")
            found = [_plain(one, self.resource) async for one in listing]
            version = listing.resourceVersion
        except ApiError as error:
            if error.status.code != 404:
                raise
            found, version = [], ""
        self.objects = {_key(one): one for one in found}
        self.changed.set()
        self.synced.set()
        return version

    async def follow(self, client: AsyncClient) -> None:
        """Keep up for ever."""
        while True:
            try:
                version = await self.refresh(client)
                if version:
                    await self._watch(client, version)
            except (ApiError, httpx2.HTTPError, LoadResourceError) as error:
                log.info("watch interrupted", extra={"kind": self.resource.__name__, "error": str(error)})
            await asyncio.sleep(_RETRY_S)

    async def _watch(self, client: AsyncClient, version: str) -> None:
        async for kind, found in client.watch(self.resource, namespace="*", resource_version=version):
            one = _plain(found, self.resource)
            if kind == "DELETED":
                self.objects.pop(_key(one), None)
            else:
                self.objects[_key(one)] = one
            self.changed.set()


def every(parts: Iterable[Observed]) -> list[Object]:
    """The objects of several kinds."""
    return [one for part in parts for one in part.objects.values()]


def _plain(found: Any, resource: type[NamespacedResource]) -> Object:
    document: Object = found.to_dict()
    return {"kind": resource.__name__, **document}


def _key(one: Object) -> Key:
    return one["metadata"]["namespace"], one["metadata"]["name"]
