"""The overview's first answer: what needs a person, the gravest first."""

from __future__ import annotations

from typing import Any

from autostack.console import attention
from autostack.console.applications import application_row
from autostack.console.tones import BAD, BUSY, GOOD, QUIET, WARN
from autostack.console.workloads import PodRow, WorkloadRow
from autostack.pipeline.runs import Run


def _workload(name: str, ready: int, desired: int) -> WorkloadRow:
    tone = QUIET if not desired else GOOD if ready >= desired else BUSY
    return WorkloadRow("n", "Deployment", name, ready, desired, "i", tone)


def _pod(status: str, tone: str) -> PodRow:
    return PodRow("n", "p", status, "0/1", 3, "1m", "exit code 1", tone)


def test_a_system_that_is_well_is_said_to_be() -> None:
    status = {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}
    app = application_row({"metadata": {"name": "a"}, "status": status})
    matters = [
        *attention.of_applications([app]),
        *attention.of_workloads([_workload("worker-node", 3, 3), _workload("chaos-agent", 0, 0)], []),
        *attention.of_runs([Run(1, "c", state="success")]),
        *attention.of_alerts([{"state": "pending", "labels": {"alertname": "A"}}]),
    ]
    assert matters == []
    assert (attention.headline(matters), attention.tone(matters)) == ("All is well", GOOD)


def test_the_gravest_comes_first_and_what_is_under_way_is_no_alarm() -> None:
    workloads = [_workload("worker-node", 2, 3)]
    busy = attention.of_workloads(workloads, [])
    assert (attention.headline(busy), attention.tone(busy)) == ("Something is under way", BUSY)
    matters = attention.ordered([*busy, *attention.of_workloads([], [_pod("CrashLoopBackOff", BAD)])])
    assert [one.text for one in matters] == [
        "p: CrashLoopBackOff (exit code 1)",
        "worker-node has 2 of 3 pods ready",
    ]
    assert (attention.headline(matters), attention.tone(matters)) == ("One thing needs attention", BAD)


def test_only_the_newest_run_that_ended_counts() -> None:
    red, green = Run(1, "c", state="failure", message="red"), Run(2, "d", state="success")
    running = Run(3, "e", state="running")
    assert attention.of_runs([green, red]) == []
    assert [one.href for one in attention.of_runs([running, red])] == ["/runs/1", "/runs/3"]


def test_an_alert_leads_to_its_runbook_and_chaos_is_told() -> None:
    alert: dict[str, Any] = {
        "state": "firing",
        "labels": {"alertname": "RequestsFail", "severity": "critical"},
        "annotations": {"summary": "worker-node answers 7 % with an error.", "runbook_url": "https://r"},
    }
    (one,) = attention.of_alerts([alert])
    assert (one.tone, one.href) == (BAD, "https://r")
    assert one.text == "RequestsFail: worker-node answers 7 % with an error."
    (chaos,) = attention.of_workloads([_workload("chaos-agent", 1, 1)], [])
    assert chaos.tone == WARN
