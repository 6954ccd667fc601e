"""Which pod gets the next connection: the one with the fewest open ones, in turn among equals. Pure."""

from __future__ import annotations

from collections.abc import Sequence

Backend = tuple[str, int]


class Balancer:
    """Counts open connections by backend. A backend that left keeps its count until its last one closes."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = list(backends)
        self._open: dict[Backend, int] = {}
        self._turn = 0

    def replace(self, backends: Sequence[Backend]) -> None:
        """New connections go to these from now on; open ones stay where they are."""
        self._backends = list(backends)

    def order(self) -> list[Backend]:
        """All backends, best first: the rest are for when the first can't be reached."""
        count = len(self._backends)
        if count == 0:
            return []
        self._turn = (self._turn + 1) % count
        turned = self._backends[self._turn :] + self._backends[: self._turn]
        return sorted(turned, key=lambda one: self._open.get(one, 0))

    def opened(self, backend: Backend) -> None:
        """A connection to the backend begins."""
        self._open[backend] = self._open.get(backend, 0) + 1

    def closed(self, backend: Backend) -> None:
        """A connection to the backend has ended."""
        left = self._open.get(backend, 1) - 1
        if left > 0:
            self._open[backend] = left
        else:
            self._open.pop(backend, None)

    @property
    def connections(self) -> int:
        """All open connections."""
        return sum(self._open.values())
