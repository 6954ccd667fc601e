"""What a run comes to, in figures for programs and in lines for people. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from traffic_sender.ledger_file import Figures
from traffic_sender.records import Records


class Summary(BaseModel):
    """The end of a run at the command line; what `--json` prints."""

    model_config = ConfigDict(frozen=True)

    ledger: Figures
    duration_s: float = Field(description="from the first moment to the last arrival")
    issued_per_second: float
    acknowledged_per_second: float
    latency_p50_s: float | None
    latency_p90_s: float | None
    latency_p99_s: float | None
    latency_max_s: float | None
    send_delay_p99_s: float | None = Field(description="how late arrivals were sent; the sender's own fault")
    attempts: dict[str, int]


def summarise(figures: Figures, records: Records, *, duration_s: float) -> Summary:
    """The summary of a run that issued for so long."""
    seconds = max(duration_s, 1e-9)
    latency = records.latency
    return Summary(
        ledger=figures,
        duration_s=duration_s,
        issued_per_second=figures.issued / seconds,
        acknowledged_per_second=figures.acknowledged / seconds,
        latency_p50_s=latency.quantile(0.5),
        latency_p90_s=latency.quantile(0.9),
        latency_p99_s=latency.quantile(0.99),
        latency_max_s=latency.largest_s if latency.count else None,
        send_delay_p99_s=records.send_delay.quantile(0.99),
        attempts={end: count for end, count in records.attempts.items() if count},
    )


def duration_text(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def summary_lines(summary: Summary) -> list[str]:
    """The summary for people."""
    ledger = summary.ledger
    reasons = ", ".join(f"{count} {reason}" for reason, count in ledger.given_up_by_reason.items() if count)
    latencies = {
        "p50": summary.latency_p50_s,
        "p90": summary.latency_p90_s,
        "p99": summary.latency_p99_s,
        "max": summary.latency_max_s,
    }
    told = ", ".join(f"{name} {duration_text(value)}" for name, value in latencies.items())
    return [
        f"run {ledger.run}, seed {ledger.seed}",
        f"  issued       {ledger.issued} in {summary.duration_s:.1f} s ({summary.issued_per_second:.1f}/s)",
        f"  acknowledged {ledger.acknowledged} ({summary.acknowledged_per_second:.1f}/s)",
        f"  rejected     {ledger.rejected}",
        f"  given up     {ledger.given_up}{f' ({reasons})' if reasons else ''}",
        f"latency from the scheduled time: {told}",
    ]
