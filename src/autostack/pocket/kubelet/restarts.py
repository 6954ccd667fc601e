"""When a container that ended runs again. Pure; Kubernetes' arithmetic.

The first restart is at once; then 10 s, doubled each time up to 5 minutes, and forgotten when nothing ended
for 10 minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_S = 10.0
LONGEST_DELAY_S = 300.0
FORGIVEN_AFTER_S = 600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delay before the next restart but one; `since_s` is when it was last raised."""

    delay_s: float = 0.0
    since_s: float = 0.0

    def after_exit(self, now_s: float) -> tuple[float, Backoff]:
        """(delay before this restart, the state for the next one)."""
        current = 0.0 if now_s - self.since_s > FORGIVEN_AFTER_S else self.delay_s
        following = min(current * 2, LONGEST_DELAY_S) if current else FIRST_DELAY_S
        return current, Backoff(following, now_s + current)


def restarts(policy: str, exit_code: int) -> bool:
    """Whether the restart policy wants another run."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)
