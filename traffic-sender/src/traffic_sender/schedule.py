"""The open loop's clockwork: which arrivals are due, whatever the clock did in between.

Arrival n of a load is due at a moment that only the profile decides. Looking late hands out the same
arrivals with the same due times, only later; so latency counted from the due time includes every delay of
ours (no coordinated omission). When the load changes, the fraction of an arrival that had built up is
carried over, so that changing it often neither adds nor loses problems.

Pure: the clock's value comes in.
"""

from __future__ import annotations

import math

from traffic_sender.profiles import Profile


class Schedule:
    """The arrivals of one load from its beginning; all times are on one monotonic clock."""

    def __init__(
        self,
        profile: Profile,
        *,
        began_s: float,
        carried: float = 0.0,
        ends_s: float = math.inf,
    ) -> None:
        self.profile = profile
        self.began_s = began_s
        self.ends_s = ends_s
        self._carried = carried
        self._taken = 0
        self._next_s = self._due(1)

    @property
    def next_s(self) -> float:
        """When the next arrival is due; infinite when none will be."""
        return self._next_s if self._next_s <= self.ends_s else math.inf

    def rate(self, now_s: float) -> float:
        """The rate that the profile asks for now."""
        if now_s > self.ends_s:
            return 0.0
        return self.profile.rate(max(now_s - self.began_s, 0.0))

    def take(self, now_s: float, *, limit: int) -> list[float]:
        """The due times of at most `limit` arrivals that are due and were not taken yet, in order."""
        horizon_s = min(now_s, self.ends_s)
        due: list[float] = []
        while self._next_s <= horizon_s and len(due) < limit:
            due.append(self._next_s)
            self._taken += 1
            self._next_s = max(self._due(self._taken + 1), self._next_s)
        return due

    def changed(self, profile: Profile, *, now_s: float) -> Schedule:
        """The schedule that goes on from here with another profile; what is due and untaken stays due."""
        elapsed_s = max(min(now_s, self.ends_s) - self.began_s, 0.0)
        built_up = self._carried + self.profile.expected(elapsed_s) - self._taken
        return Schedule(profile, began_s=now_s, carried=max(built_up, 0.0), ends_s=self.ends_s)

    def _due(self, number: int) -> float:
        return self.began_s + self.profile.when(number - self._carried)
