"""Service: only a load balancer has to wait, for its address."""

from __future__ import annotations

from autostack.gitops.health.verdict import HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object


def assess(live: Object) -> Health:
    """The Service's health."""
    if (live.get("spec") or {}).get("type") == "LoadBalancer":
        balancer = (live.get("status") or {}).get("loadBalancer") or {}
        return Health(HEALTHY if balancer.get("ingress") else PROGRESSING)
    return Health(HEALTHY)
