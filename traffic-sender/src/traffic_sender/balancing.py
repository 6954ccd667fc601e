"""Which worker gets the next problem: the one with the least outstanding, among those that are well.

A worker is ejected when it cannot be connected to, or after several failures in a row; for 0.2 s first, and
twice as long each time it fails again. Then it gets one problem, and is readmitted by a success. Ejection is
a local guess, so it is short: an address that is gone for good disappears from the name's addresses instead.
When everyone is ejected nobody is asked, because hammering the dead costs the living. A worker that says it
is busy is alive, so it is not ejected; for a moment the others come first, or its quick refusals would draw
all the problems to it.

Pure: the clock's value comes in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple


class Address(NamedTuple):
    """Where a worker listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class EjectionRules:
    """When a worker is ejected and for how long."""

    failures: int = 5
    first_s: float = 0.2
    longest_s: float = 5.0
    busy_s: float = 0.1


@dataclass(slots=True, eq=False)
class Endpoint:
    """One worker as the sender sees it."""

    address: Address
    outstanding: int = 0
    failures_in_row: int = 0
    ejections_in_row: int = 0
    ejected_until_s: float = 0.0
    busy_until_s: float = 0.0
    chosen: int = 0  # when it was chosen last, to take turns among equals
    gone: bool = False

    @property
    def on_trial(self) -> bool:
        """Ejected before and not yet readmitted."""
        return self.ejections_in_row > 0


class Balancer:
    """The workers of one target."""

    def __init__(self, *, most_outstanding: int, rules: EjectionRules | None = None) -> None:
        self._most = most_outstanding
        self._rules = rules or EjectionRules()
        self._endpoints: dict[Address, Endpoint] = {}
        self._turn = count(1)

    @property
    def endpoints(self) -> list[Endpoint]:
        """All known workers."""
        return list(self._endpoints.values())

    def admitted(self, now_s: float) -> int:
        """How many may be asked now."""
        return sum(endpoint.ejected_until_s <= now_s for endpoint in self._endpoints.values())

    def set_addresses(self, addresses: Iterable[Address]) -> list[Endpoint]:
        """Know these and only these; returns the ones that are gone. What is known stays as it was."""
        wanted = dict.fromkeys(addresses)
        gone = [endpoint for address, endpoint in self._endpoints.items() if address not in wanted]
        for endpoint in gone:
            endpoint.gone = True
            del self._endpoints[endpoint.address]
        for address in wanted:
            if address not in self._endpoints:
                self._endpoints[address] = Endpoint(address)
        return gone

    def choose(self, now_s: float, *, refused: Mapping[Address, float]) -> Endpoint | None:
        """The worker to ask now, counted as asked; None when none can be. `refused` maps an address to the
        moment before which it asked not to be asked again.
        """
        willing = (
            endpoint
            for endpoint in self._endpoints.values()
            if self._has_room(endpoint, now_s) and refused.get(endpoint.address, 0.0) <= now_s
        )
        best = min(willing, key=lambda e: (e.busy_until_s > now_s, e.outstanding, e.chosen), default=None)
        if best is not None:
            best.outstanding += 1
            best.chosen = next(self._turn)
        return best

    def has_room(self, now_s: float) -> bool:
        """Whether anyone could be asked now."""
        return any(self._has_room(endpoint, now_s) for endpoint in self._endpoints.values())

    def next_trial_s(self, now_s: float) -> float:
        """When the next ejection ends; infinite when none is running."""
        ends = [e.ejected_until_s for e in self._endpoints.values() if e.ejected_until_s > now_s]
        return min(ends, default=math.inf)

    def patience_ends_s(self, refused: Mapping[Address, float]) -> float:
        """When the first of the known workers that refused may be asked again; 0 when one never refused."""
        return min((refused.get(address, 0.0) for address in self._endpoints), default=0.0)

    def succeeded(self, endpoint: Endpoint) -> None:
        """It answered: it is well."""
        endpoint.outstanding -= 1
        endpoint.failures_in_row = 0
        endpoint.ejections_in_row = 0
        endpoint.ejected_until_s = 0.0

    def busy(self, endpoint: Endpoint, now_s: float) -> None:
        """It answered that it can take no more now: it is alive, and the others come first for a moment."""
        self.succeeded(endpoint)
        endpoint.busy_until_s = now_s + self._rules.busy_s

    def failed(self, endpoint: Endpoint, now_s: float, *, unreachable: bool) -> bool:
        """It did not answer, or badly; returns whether that ejected it."""
        endpoint.outstanding -= 1
        endpoint.failures_in_row += 1
        if endpoint.ejected_until_s > now_s:
            return False  # what was sent before the ejection fails too, and says nothing new
        if not (unreachable or endpoint.on_trial or endpoint.failures_in_row >= self._rules.failures):
            return False
        length_s = min(self._rules.first_s * 2 ** min(endpoint.ejections_in_row, 30), self._rules.longest_s)
        endpoint.ejections_in_row += 1
        endpoint.ejected_until_s = now_s + length_s
        return True

    def released(self, endpoint: Endpoint) -> None:
        """The attempt ended in a way that says nothing of the worker."""
        endpoint.outstanding -= 1

    def _has_room(self, endpoint: Endpoint, now_s: float) -> bool:
        if endpoint.ejected_until_s > now_s:
            return False
        return endpoint.outstanding < (1 if endpoint.on_trial else self._most)
