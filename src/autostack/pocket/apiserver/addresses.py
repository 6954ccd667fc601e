"""Service addresses: the next free one of the range, unique because the Services themselves are the record
of use.
"""

from __future__ import annotations

import secrets
from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.errors import FieldError, internal, invalid

Object = dict[str, Any]
STATIC_ADDRESSES = (
    16  # the low end is for Services that ask for an address (the API server's own is the first)
)
REFUSED_TYPES = ("LoadBalancer", "NodePort")


def assign_cluster_ip(core: Core, call: Call, service: Object) -> None:
    """Give the Service its address, keep the one it has, or check the one it asks for; raises 422."""
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return
    if spec.get("type") in REFUSED_TYPES:
        raise invalid(call.target, [FieldError("spec.type", "a pocket cluster has no node ports or "
                                                            "load balancers; use "
                                               "ClusterIP, with an Ingress for traffic from "
                                               "outside", value=spec["type"])])  # fmt: skip
    if spec.get("type") == "ExternalName":
        for field in ("clusterIP", "clusterIPs"):
            spec.pop(field, None)
        return
    old = core.store.get(call.key)
    present = old.object["spec"].get("clusterIP", "") if old else ""
    wanted = spec.get("clusterIP") or present
    if wanted not in ("None", present):
        _refuse_taken(core, call, wanted)
    address = wanted or _free_address(core)
    spec["clusterIP"] = address
    spec["clusterIPs"] = [address]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec["ipFamilyPolicy"] = "SingleStack"
    spec.setdefault("internalTrafficPolicy", "Cluster")
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def _taken(core: Core) -> set[str]:
    used = {entry.object.get("spec", {}).get("clusterIP", "") for entry in core.store.entries("services")}
    return used | core.reserved_addresses


def _refuse_taken(core: Core, call: Call, address: str) -> None:
    if not address:
        return
    why = ""
    try:
        inside = core.service_network.supernet_of(type(core.service_network)(address))
    except ValueError:
        return  # the form is validation's business
    if not inside:
        why = f"the provided IP ({address}) is not in the valid range {core.service_network}"
    elif address in _taken(core):
        why = "provided IP is already allocated"
    if why:
        raise invalid(
            call.target,
            [FieldError("spec.clusterIP", f"failed to allocate IP {address}: {why}", value=address)],
        )


def _free_address(core: Core) -> str:
    taken = _taken(core)
    network = core.service_network
    first, count = STATIC_ADDRESSES, network.num_addresses - STATIC_ADDRESSES - 1
    start = secrets.randbelow(count)
    for step in range(count):
        address = str(network[first + (start + step) % count])
        if address not in taken:
            core.reserved_addresses.add(address)
            return address
    raise internal(f"failed to allocate a serviceIP: range {network} is full")
