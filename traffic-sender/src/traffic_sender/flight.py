"""One problem on its way, and what bounds it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from traffic_sender.balancing import Address, Endpoint
from traffic_sender.connection import Connection
from traffic_sender.target import Target


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds one problem and all of them."""

    deadline_s: float = 10.0
    attempt_timeout_s: float = 5.0
    connect_timeout_s: float = 1.0
    most_in_flight: int = 5_000
    most_per_worker: int = 256


class Flight:
    """A problem that was issued and has not ended; times are on the loop's clock.

    `endpoint` is set while it is asked, `connection` while the request is on it.
    """

    __slots__ = (
        "attempts", "connection", "deadline_s", "due_s", "endpoint", "problem_id", "refused", "request",
        "sequence", "timer",
    )  # fmt: skip

    def __init__(
        self, *, sequence: int, due_s: float, deadline_s: float, problem_id: str, request: bytes
    ) -> None:
        self.sequence = sequence
        self.due_s = due_s
        self.deadline_s = deadline_s
        self.problem_id = problem_id
        self.request = request
        self.attempts = 0
        self.endpoint: Endpoint | None = None
        self.connection: Connection | None = None
        self.refused: dict[Address, float] = {}
        self.timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        """Nothing wakes it any more until a new timer is set."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class RequestWriter:
    """Writes whole requests to one target."""

    def __init__(self, target: Target) -> None:
        lines = (
            f"POST {target.path} HTTP/1.1",
            f"Host: {target.authority}",
            "Accept: application/json",
            "Content-Type: application/json",
            "Content-Length: ",
        )
        self._head = "\r\n".join(lines).encode("ascii")

    def write(self, problem_id: str, expression: str) -> bytes:
        """The bytes of one problem's request."""
        body = msgspec.json.encode({"id": problem_id, "expression": expression})
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
