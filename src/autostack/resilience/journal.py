"""The journal of a proof in Chaos Toolkit's format, so that its reporting tools can read it. Pure.

`status` is ours: `completed` when the verdict holds and `failed` when not, and `deviated` says so too. The
figures are under `steady_states`, the kills under `run`, the audit and the verdict under `autostack`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from autostack.resilience.experiment import Proof
from autostack.resilience.recovery import mean

TITLE = "Auto-Stack heals from killed pods and loses nothing"


def experiment_document(proof: Proof) -> dict[str, Any]:
    """The experiment as Chaos Toolkit describes one."""
    return {
        "version": "1.0.0",
        "title": TITLE,
        "description": "Pods are deleted under load; afterwards every acknowledged answer is audited.",
        "tags": ["kubernetes", "pods", "self-healing"],
        "steady-state-hypothesis": {
            "title": "Everything is ready, traffic flows, and nothing acknowledged is missing",
            "probes": [
                {"type": "probe", "name": finding.name, "tolerance": True, "provider": _provider("verdict")}
                for finding in proof.verdict.findings
            ],
        },
        "method": [
            {"type": "action", "name": f"delete pod {kill.pod}", "provider": _provider("chaos")}
            for kill in proof.recording.kills
        ],
    }


def journal_document(proof: Proof) -> dict[str, Any]:
    """The journal; times in seconds since `start`."""
    return {
        "chaoslib-version": "1",
        "platform": "kubernetes",
        "start": proof.began,
        "status": "completed" if proof.verdict.proved else "failed",
        "deviated": not proof.verdict.proved,
        "experiment": experiment_document(proof),
        "steady_states": {
            "before": _steady_state(proof, "baseline"),
            "during": _steady_state(proof, "attack"),
            "after": _steady_state(proof, "recovery"),
        },
        "run": [
            {
                "activity": {"type": "action", "name": f"delete pod {repair.kill.pod}"},
                "status": "succeeded",
                "start": repair.kill.at_s,
                "workload": repair.kill.workload,
                "mttr_s": repair.mttr_s,
            }
            for repair in proof.repairs
        ],
        "rollbacks": [],
        "autostack": summary(proof),
    }


def summary(proof: Proof) -> dict[str, Any]:
    """What `prove --json` prints: the verdict and its figures."""
    times = [repair.mttr_s for repair in proof.repairs if repair.mttr_s is not None]
    return {
        "proved": proof.verdict.proved,
        "findings": proof.verdict.as_list(),
        "kills": len(proof.repairs),
        "mttr_s": [repair.mttr_s for repair in proof.repairs],
        "mean_mttr_s": mean(times),
        "audit": asdict(proof.audit),
        "run": asdict(proof.run),
    }


def _steady_state(proof: Proof, phase: str) -> dict[str, Any]:
    points = getattr(proof.phases, phase)
    latencies = [point.p95_s for point in points if point.p95_s is not None]
    return {
        "mean_tps": mean([point.tps for point in points]),
        "lowest_tps": min((point.tps for point in points), default=None),
        "highest_p95_s": max(latencies, default=None),
    }


def _provider(module: str) -> dict[str, str]:
    return {"type": "python", "module": f"autostack.resilience.{module}", "func": module}
