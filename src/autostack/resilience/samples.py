"""What is measured, as plain data. Times are seconds on one clock, the prover's, since the proof began."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Traffic:
    """The sender's own counters at one moment; latency as cumulative counts by upper bound in seconds."""

    at_s: float
    acknowledged: int
    rejected: int
    given_up: int
    asked_tps: float
    latency_buckets: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """How many pods of a workload were ready, of how many wanted, at one moment."""

    at_s: float
    workload: str
    ready: int
    desired: int


@dataclass(frozen=True, slots=True)
class Kill:
    """One pod that the chaos agent deleted, as its Event tells it."""

    at_s: float
    pod: str
    workload: str


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve: what happened in the window that ends at `at_s`. `p95_s` is None in silence."""

    at_s: float
    tps: float
    p95_s: float | None
    given_up: int


@dataclass(slots=True)
class Recording:
    """All that one proof saw, in the order of time."""

    traffic: list[Traffic] = field(default_factory=list)
    readiness: list[Readiness] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    attack_begins_s: float = 0.0
    attack_ends_s: float = 0.0
