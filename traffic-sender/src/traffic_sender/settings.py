"""The sender's variables as a service, and the plan of a run that they describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service_kit import ServiceSettings, SettingsError, setting

from traffic_sender.engine import Plan
from traffic_sender.errors import RequestError
from traffic_sender.flight import Limits
from traffic_sender.problems import Mix, parse_weights
from traffic_sender.profiles import TPS_LIMIT, parse_profile
from traffic_sender.target import parse_target


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings(ServiceSettings):
    """What the sender reads besides what every service reads."""

    target: str = setting(
        help="URL of the workers, http://host:port; every address of the host gets its share"
    )
    tps: float = setting(
        50, unit="1/s", minimum=0, maximum=TPS_LIMIT, help="problems per second at the start"
    )
    profile: str = setting(
        "constant",
        help="constant, step, ramp, sine or spike with its parameters: sine:amplitude_tps=20,period_s=60",
    )
    seed: int = setting(1, minimum=0, maximum=2**32, help="problem n of a seed is always the same")
    weights: str = setting(
        "", help="weights of the kinds of problems: arithmetic=4,prime=1; empty: all kinds"
    )
    undefined_share: float = setting(0.02, minimum=0, maximum=1, help="share of problems like 1/0")
    invalid_share: float = setting(0, minimum=0, maximum=1, help="share of problems that are none, like 1 +")
    deadline_s: float = setting(
        10, unit="s", minimum=0.1, maximum=600, help="from the due time until a problem is given up"
    )
    attempt_timeout_s: float = setting(
        5, unit="s", minimum=0.05, maximum=600, help="for one attempt's answer"
    )
    most_in_flight: int = setting(
        5_000, minimum=1, maximum=1_000_000, help="problems under way; beyond, they are given up and counted"
    )
    most_per_worker: int = setting(256, minimum=1, maximum=10_000, help="problems under way at one worker")
    resolve_interval_s: float = setting(
        0.5, unit="s", minimum=0.05, maximum=60, help="between two lookups of the target's addresses"
    )
    ledger_dir: str = setting("", help="folder in which the ledger is kept; empty: it is not written")

    def plan(self) -> Plan:
        """The run that these settings ask for; raises SettingsError that names the variable."""
        try:
            return Plan(
                target=parse_target(self.target),
                profile=parse_profile(self.tps, self.profile),
                mix=Mix(self.seed, parse_weights(self.weights), self.undefined_share, self.invalid_share),
                limits=Limits(
                    deadline_s=self.deadline_s,
                    attempt_timeout_s=self.attempt_timeout_s,
                    most_in_flight=self.most_in_flight,
                    most_per_worker=self.most_per_worker,
                ),
                resolve_interval_s=self.resolve_interval_s,
                ledger_dir=Path(self.ledger_dir) if self.ledger_dir else None,
            )
        except RequestError as error:
            variables = "TARGET, TPS, PROFILE, WEIGHTS, UNDEFINED_SHARE, INVALID_SHARE"
            raise SettingsError(f"{error} ({variables})") from error
