"""What every verb works with: one cluster's store, kinds, node and settings, composed once."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autostack.pocket.apiserver.call import User
from autostack.pocket.apiserver.registry import Registry
from autostack.pocket.node import NodeGateway
from autostack.pocket.store.store import Store

if TYPE_CHECKING:
    from autostack.pocket.apiserver.access.access import Access
    from autostack.pocket.apiserver.access.tokens import Tokens


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The API server's settings."""

    service_range: str = "127.128.0.0/16"
    """Addresses for Services, CIDR; every cluster on the machine needs its own."""
    pod_range: str = "127.32.0.0/16"
    """Addresses for pods, CIDR; written into the node's podCIDR by the kubelet."""
    advertise_host: str = "127.0.0.1"
    """Where pods reach the API server."""
    advertise_port: int = 6443
    """The port of that address; in the `kubernetes` Service's endpoints."""
    event_ttl_s: float = 3600.0
    """How long Events are kept, seconds."""
    body_limit_bytes: int = 3 * 1024 * 1024
    """The largest request body, bytes."""
    ca_certificate: str = ""
    """PEM, published in each namespace as the ConfigMap kube-root-ca.crt."""
    signing_key: str = field(default="", repr=False)
    """Signs service-account tokens; empty makes one that ends with the process."""
    tokens: Mapping[str, User] = field(default_factory=dict, repr=False)
    """Bearer tokens of people, and who they are."""


@dataclass(slots=True)
class Core:
    """One cluster's state behind the API. `node` is None until a kubelet has registered."""

    store: Store
    registry: Registry
    access: Access
    tokens: Tokens
    settings: ApiSettings
    node: NodeGateway | None = None
    reserved_addresses: set[str] = field(default_factory=set)

    @property
    def service_network(self) -> ipaddress.IPv4Network:
        """The range of Service addresses."""
        return ipaddress.IPv4Network(self.settings.service_range)
