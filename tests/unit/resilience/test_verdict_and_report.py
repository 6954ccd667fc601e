"""The verdict needs every finding, and the report says what the verdict says, escaped."""

from __future__ import annotations

import dataclasses
import re

import pytest

from autostack.resilience.audit import AuditResult, Run
from autostack.resilience.experiment import Plan, Proof
from autostack.resilience.journal import journal_document
from autostack.resilience.recovery import Repair
from autostack.resilience.report import render
from autostack.resilience.samples import Kill, Point, Recording
from autostack.resilience.verdict import Phases, Tolerance, judge

KILL = Kill(12.0, "worker-<b>1</b>", "worker-node")


def _points(start_s: int, tps: float) -> list[Point]:
    return [Point(start_s + second, tps, 0.01, 0) for second in range(5)]


def _proof(
    *, mttr_s: float | None = 1.5, audit: AuditResult | None = None, after_tps: float = 50, kills: int = 1
) -> Proof:
    phases = Phases(_points(0, 50), _points(10, 40), _points(20, after_tps))
    repaired = [Repair(KILL, mttr_s, 2, 3)]
    audited = audit or AuditResult(acknowledged=100, stored=101, unacknowledged=1)
    verdict = judge(phases, repaired, audited, wanted_kills=kills, tolerance=Tolerance())
    run = Run(1, ((0, 0),), 100, 100, 0, 0, 0)
    recording = Recording(kills=[KILL], attack_begins_s=10, attack_ends_s=19)
    return Proof(Plan(kills=kills), "2026-01-01", recording, repaired, run, audited, phases, verdict)


def test_a_healed_system_that_lost_nothing_is_proved() -> None:
    assert _proof().verdict.proved


@pytest.mark.parametrize(
    ("proof", "name"),
    [
        (_proof(mttr_s=None), "every kill was healed"),
        (_proof(mttr_s=31), "every kill was healed"),
        (_proof(kills=2), "the attack took place"),
        (_proof(after_tps=40), "traffic came back"),
        (_proof(audit=AuditResult(acknowledged=100, missing=1)), "nothing acknowledged is lost"),
        (_proof(audit=AuditResult(acknowledged=0)), "nothing acknowledged is lost"),
        (_proof(audit=AuditResult(acknowledged=1, duplicated=1)), "nothing is there twice"),
        (_proof(audit=AuditResult(acknowledged=1, wrong=1)), "every answer is right"),
        (_proof(audit=AuditResult(acknowledged=1, unknown=1)), "every answer is right"),
        (
            _proof(audit=AuditResult(acknowledged=1, unbalanced="1 issued, 0 accounted for")),
            "the ledger balances",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_finding_that_fails_is_enough(proof: Proof, name: str) -> None:
    assert [finding.name for finding in proof.verdict.findings if not finding.holds] == [name]
    assert not proof.verdict.proved
    assert "Not proved" in render(proof)
    assert journal_document(proof)["deviated"] is True


def test_the_report_stands_alone_and_escapes_foreign_names() -> None:
    page = render(_proof())
    assert "Proved: it healed and lost nothing" in page
    assert "worker-&lt;b&gt;1" in page
    assert "<b>1</b>" not in page
    assert not re.search(r"(src|href)=", page)
    assert page.count('class="kill"') == 2  # one mark in each of the two charts


def test_the_journal_tells_each_kill_with_its_repair() -> None:
    document = journal_document(_proof())
    assert document["status"] == "completed"
    assert [(run["workload"], run["mttr_s"]) for run in document["run"]] == [("worker-node", 1.5)]
    assert document["steady_states"]["during"]["mean_tps"] == 40


def test_an_audit_without_an_attack_claims_no_healing() -> None:
    proof = dataclasses.replace(_proof(kills=0, after_tps=1), repairs=[], recording=Recording())
    assert "Proved: it lost nothing" in render(proof)
    assert "healed and" not in render(proof)
    assert [finding.name for finding in proof.verdict.findings] == [
        "nothing acknowledged is lost",
        "nothing is there twice",
        "every answer is right",
        "the ledger balances",
    ]


def test_what_fails_is_said_at_the_top_of_the_report() -> None:
    page = render(_proof(audit=AuditResult(acknowledged=100, missing=1)))
    assert "<b>Not so: nothing acknowledged is lost.</b> 100 acknowledged, 1 missing" in page
    assert "Not so" not in render(_proof())


def test_a_proof_without_kills_still_has_a_report() -> None:
    proof = dataclasses.replace(_proof(), repairs=[], recording=Recording())
    assert "No pod was killed" in render(proof)
