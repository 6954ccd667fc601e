"""PersistentVolumeClaim: bound or not."""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, UNKNOWN, Health
from autostack.gitops.objects import Object

_BY_PHASE = {"Bound": HEALTHY, "Pending": PROGRESSING, "Lost": DEGRADED}


def assess(live: Object) -> Health:
    """The claim's health."""
    return Health(_BY_PHASE.get((live.get("status") or {}).get("phase", ""), UNKNOWN))
