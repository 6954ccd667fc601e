"""EndpointSlices: the addresses behind each Service with a selector, as pods become ready and leave."""

from __future__ import annotations

from collections.abc import Iterable

from autostack.pocket.client import Object
from autostack.pocket.controllers.cluster import Cluster
from autostack.pocket.controllers.endpointslice.slices import (
    desired_slices,
    differs,
    its_service,
    slices_of,
)
from autostack.pocket.controllers.kinds import ENDPOINT_SLICE, POD, SERVICE
from autostack.pocket.controllers.loop import Controller, itself
from autostack.pocket.controllers.meta import (
    Key,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    with_metadata,
)


def controller(cluster: Cluster) -> Controller:
    """The controller as data."""

    def selecting(pod: Object) -> Iterable[Key]:
        labels = labels_of(pod)
        for service in cluster.cache(SERVICE).within(namespace_of(pod)):
            selector = service["spec"].get("selector")
            if selector and selector.items() <= labels.items():
                yield key_of(service)

    watches = {SERVICE: itself, POD: selecting, ENDPOINT_SLICE: its_service}
    return Controller("endpointslice-controller", watches, reconcile)


async def reconcile(cluster: Cluster, key: Key) -> float | None:
    """Make the Service's own slices equal to the desired ones."""
    service = cluster.cache(SERVICE).get(key)
    if service is None or is_deleting(service):
        return None  # the garbage collector takes the slices
    selector = service["spec"].get("selector")
    wanted = []
    if selector and service["spec"].get("type") != "ExternalName":
        pods = cluster.cache(POD).within(key[0])
        wanted = desired_slices(service, [pod for pod in pods if selector.items() <= labels_of(pod).items()])
    owned = {name_of(one): one for one in slices_of(cluster.cache(ENDPOINT_SLICE).within(key[0]), key[1])}
    for piece in wanted:
        existing = owned.pop(name_of(piece), None)
        if existing is None:
            await cluster.create(ENDPOINT_SLICE, piece)
        elif differs(existing, piece):
            labelled = with_metadata(existing, labels=piece["metadata"]["labels"])
            changed = {"endpoints": piece["endpoints"], "ports": piece["ports"]}
            await cluster.update(ENDPOINT_SLICE, {**labelled, **changed})
    for surplus in owned.values():
        await cluster.delete(ENDPOINT_SLICE, surplus)
    return None
