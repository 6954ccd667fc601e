"""The judgement: a list of findings, each with its figures; the proof holds when all of them do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from autostack.resilience.audit import AuditResult
from autostack.resilience.recovery import Repair
from autostack.resilience.samples import Point


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What counts as healed. `tps_share`: of the baseline's TPS; `repair_s`: the longest repair allowed."""

    tps_share: float = 0.95
    repair_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One question and its answer."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def proved(self) -> bool:
        """Whether every finding holds."""
        return all(finding.holds for finding in self.findings)

    def as_list(self) -> list[dict[str, object]]:
        """For JSON."""
        return [asdict(finding) for finding in self.findings]


@dataclass(frozen=True, slots=True)
class Phases:
    """The curve of each part of the proof."""

    baseline: Sequence[Point]
    attack: Sequence[Point]
    recovery: Sequence[Point]


def judge(
    phases: Phases,
    repaired: Sequence[Repair],
    audited: AuditResult,
    *,
    wanted_kills: int,
    tolerance: Tolerance,
) -> Verdict:
    """The verdict on one proof; without an attack (`wanted_kills` 0) only the accounts are judged."""
    healing = (
        _attacked(repaired, wanted_kills),
        _healed(repaired, tolerance),
        _traffic_returned(phases, tolerance),
    )
    return Verdict((*(healing if wanted_kills else ()), *_accounts(audited)))


def _accounts(audited: AuditResult) -> tuple[Finding, ...]:
    return (
        _nothing_lost(audited),
        Finding("nothing is there twice", not audited.duplicated, f"{audited.duplicated:,} duplicates"),
        Finding(
            "every answer is right",
            not (audited.wrong or audited.unknown),
            f"{audited.stored:,} checked, {audited.wrong:,} wrong, {audited.unknown:,} not judged",
        ),
        Finding(
            "the ledger balances",
            not audited.unbalanced,
            audited.unbalanced or "issued = acknowledged + rejected + given up + in flight",
        ),
    )


def _attacked(repaired: Sequence[Repair], wanted: int) -> Finding:
    return Finding(
        "the attack took place", len(repaired) >= wanted, f"{len(repaired)} pods killed of {wanted}"
    )


def _healed(repaired: Sequence[Repair], tolerance: Tolerance) -> Finding:
    times = [repair.mttr_s for repair in repaired if repair.mttr_s is not None]
    open_ = len(repaired) - len(times)
    slow = sum(time > tolerance.repair_s for time in times)
    longest = f", longest {max(times):.2f} s, median {median(times):.2f} s" if times else ""
    return Finding(
        "every kill was healed",
        not open_ and not slow,
        f"{len(times)} of {len(repaired)} healed{longest}; allowed are {tolerance.repair_s:g} s",
    )


def _traffic_returned(phases: Phases, tolerance: Tolerance) -> Finding:
    before = median([point.tps for point in phases.baseline]) if phases.baseline else 0.0
    after = median([point.tps for point in phases.recovery]) if phases.recovery else 0.0
    return Finding(
        "traffic came back",
        before > 0 and after >= before * tolerance.tps_share,
        f"{before:.1f} TPS before, {after:.1f} TPS after",
    )


def _nothing_lost(audited: AuditResult) -> Finding:
    return Finding(
        "nothing acknowledged is lost",
        audited.acknowledged > 0 and not audited.missing,
        f"{audited.acknowledged:,} acknowledged, {audited.missing:,} missing",
    )
