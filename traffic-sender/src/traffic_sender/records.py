"""What the sender counts besides its ledger: durations, the last second, the ends of single attempts."""

from __future__ import annotations

from dataclasses import dataclass, field

from traffic_sender.connection import Break
from traffic_sender.latency import Durations, LastSecond
from traffic_sender.verdicts import Verdict

ATTEMPT_ENDS = tuple(sorted({*(verdict.value for verdict in Verdict), *(reason.value for reason in Break)}))


@dataclass
class Records:
    """The counts of one run; nothing in it grows with time."""

    latency: Durations = field(default_factory=Durations)
    send_delay: Durations = field(default_factory=Durations)
    last_second: LastSecond = field(default_factory=LastSecond)
    attempts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ATTEMPT_ENDS, 0))
    ejections: int = 0
