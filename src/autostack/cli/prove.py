"""`autostack prove`: attack the running system and audit that nothing was lost."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autostack.cli.connection import ClusterName, Ingress, connect, ingress_url
from autostack.cli.grouping import group
from autostack.errors import UsageError

if TYPE_CHECKING:
    from autostack.resilience.experiment import Plan, Proof

app = group()


@app.command()
def prove(
    kills: Annotated[
        int, typer.Option("--kills", min=0, max=1000, help="At least so many pods; 0 only audits.")
    ] = 4,
    baseline: Annotated[
        float, typer.Option("--baseline", min=2, help="Seconds of undisturbed traffic.")
    ] = 10,
    recovery: Annotated[float, typer.Option("--recovery", min=2, help="Seconds after the last kill.")] = 10,
    within: Annotated[
        float, typer.Option("--within", min=0.1, help="Longest repair allowed, in seconds.")
    ] = 30,
    out: Annotated[Path, typer.Option("--out", help="Where to write the report.")] = Path("proof.html"),
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Also write the journal, as Chaos Toolkit has it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    cluster: ClusterName = None,
    ingress: Ingress = None,
) -> None:
    """Baseline, kills, recovery, audit; exit 0 when all of it holds and 1 when not."""
    from autostack.resilience.experiment import Plan
    from autostack.resilience.verdict import Tolerance

    _refuse_unwritable(out)
    plan = Plan(kills=kills, baseline_s=baseline, recovery_s=recovery, tolerance=Tolerance(repair_s=within))
    proof = asyncio.run(_carry_out(plan, cluster, ingress_url(ingress, cluster)))
    _write(proof, out, journal)
    _print(proof, out, as_json=as_json)
    sys.exit(0 if proof.verdict.proved else 1)


async def _carry_out(plan: Plan, cluster: str | None, url: str) -> Proof:
    from autostack.resilience.experiment import Experiment
    from autostack.resilience.system import System

    began = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    async with System(url) as system:
        return await Experiment(connect(cluster), system, plan, say).carry_out()


def _refuse_unwritable(out: Path) -> None:
    """Before a minute of attack, not after it."""
    if not out.resolve().parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.resolve().parent}")


def _write(proof: Proof, out: Path, journal: Path | None) -> None:
    from autostack.resilience.journal import journal_document
    from autostack.resilience.report import render

    out.write_text(render(proof))
    if journal is not None:
        journal.write_text(json.dumps(journal_document(proof), indent=2))


def _print(proof: Proof, out: Path, *, as_json: bool) -> None:
    from autostack.resilience.journal import summary

    if as_json:
        typer.echo(json.dumps({**summary(proof), "report": str(out)}))
        return
    for finding in proof.verdict.findings:
        typer.echo(f"{'yes' if finding.holds else 'NO ':3}  {finding.name}: {finding.detail}")
    typer.echo(f"{'PROVED' if proof.verdict.proved else 'NOT PROVED'}; the report is {out}")
