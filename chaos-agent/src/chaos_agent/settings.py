"""What the agent reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from service_kit import ServiceSettings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosSettings(ServiceSettings):
    """Where it may attack and how fast its days pass."""

    namespaces: str = setting(help="namespaces to attack in, separated by commas")
    day_s: float = setting(
        86400, unit="s", minimum=1, help="length of a day of `kube-monkey/mtbf`; shorter for an experiment"
    )
    look_s: float = setting(1, unit="s", minimum=0.05, help="between two looks at the workloads")
    grace_period_s: int = setting(
        -1, unit="s", minimum=-1, help="for a victim to end; -1 is the pod's own, 0 kills at once"
    )
    dry_run: bool = setting(False, help="decide and report, but delete nothing")
    seed: int = setting(-1, minimum=-1, help="seed of the choices, to repeat a run; -1 draws one")

    @property
    def namespace_names(self) -> list[str]:
        """The namespaces, without blanks and repetitions, in their order."""
        return list(dict.fromkeys(name.strip() for name in self.namespaces.split(",") if name.strip()))
