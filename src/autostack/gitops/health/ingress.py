"""Ingress: healthy once an ingress controller has written its address."""

from __future__ import annotations

from autostack.gitops.health.verdict import HEALTHY, PROGRESSING, Health
from autostack.gitops.objects import Object


def assess(live: Object) -> Health:
    """The Ingress' health."""
    balancer = (live.get("status") or {}).get("loadBalancer") or {}
    return Health(HEALTHY if balancer.get("ingress") else PROGRESSING)
