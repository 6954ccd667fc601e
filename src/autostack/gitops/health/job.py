"""Job: Progressing until it has completed or failed."""

from __future__ import annotations

from autostack.gitops.health.verdict import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Health
from autostack.gitops.objects import Object, conditions


def assess(live: Object) -> Health:
    """The Job's health."""
    found = conditions(live)
    for kind, verdict in (("Failed", DEGRADED), ("Complete", HEALTHY), ("Suspended", SUSPENDED)):
        if found.get(kind, {}).get("status") == "True":
            return Health(verdict, found[kind].get("message", ""))
    return Health(PROGRESSING)
