"""Application: an application of applications is as healthy as the child says it is."""

from __future__ import annotations

from autostack.gitops.health.verdict import PROGRESSING, Health
from autostack.gitops.objects import Object


def assess(live: Object) -> Health:
    """The child application's health."""
    found = (live.get("status") or {}).get("health") or {}
    return Health(found.get("status") or PROGRESSING, found.get("message", ""))
