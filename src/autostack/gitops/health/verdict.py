"""A health verdict: Argo CD's words, and the order in which the worst one wins."""

from __future__ import annotations

from dataclasses import dataclass

HEALTHY, SUSPENDED, PROGRESSING = "Healthy", "Suspended", "Progressing"
MISSING, DEGRADED, UNKNOWN = "Missing", "Degraded", "Unknown"
WORST_LAST = (HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Health:
    """One object's health, with the reason in words."""

    status: str
    message: str = ""


def worst(statuses: list[str]) -> str:
    """The application's health: the worst of its objects', Healthy when there are none."""
    return max(statuses, key=WORST_LAST.index, default=HEALTHY)
