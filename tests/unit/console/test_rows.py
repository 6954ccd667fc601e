"""Objects of the API become rows as kubectl would say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from autostack.console.applications import application_row, history, tree
from autostack.console.tones import BAD, BUSY, GOOD, QUIET, WARN
from autostack.console.units import age
from autostack.console.workloads import pod_row, workload_row

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _pod(*, status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": "p", **metadata}, "status": status}


@pytest.mark.parametrize(
    ("status", "metadata", "wanted"),
    [
        ({"phase": "Running", "containerStatuses": [{"ready": True}]}, {}, ("Running", GOOD)),
        ({"phase": "Running", "containerStatuses": [{"ready": False}]}, {}, ("Running", BUSY)),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            },
            {},
            ("CrashLoopBackOff", BAD),
        ),
        ({"phase": "Running"}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, ("Terminating", BUSY)),
        ({"phase": "Succeeded"}, {}, ("Succeeded", QUIET)),
        ({}, {}, ("Unknown", BUSY)),
    ],
)
def test_a_pod_s_status_is_its_most_telling_word(
    status: dict[str, Any], metadata: dict[str, Any], wanted: tuple[str, str]
) -> None:
    row = pod_row(_pod(status=status, **metadata), NOW)
    assert (row.status, row.tone) == wanted


@pytest.mark.parametrize(
    ("then", "wanted"),
    [
        ("2026-01-01T23:59:30Z", "30s"),
        ("2026-01-01T23:00:00Z", "60m"),
        ("2026-01-01T12:00:00+00:00", "12h"),
        ("2025-12-20T00:00:00Z", "13d"),
        (None, ""),
    ],
)
def test_an_age_is_written_as_kubectl_writes_it(then: str | None, wanted: str) -> None:
    assert age(then, NOW) == wanted


def test_an_application_with_a_condition_is_bad_and_says_why() -> None:
    status = {
        "sync": {"status": "Unknown"},
        "health": {"status": "Healthy"},
        "conditions": [{"type": "ComparisonError", "message": "broken.yaml: line 3"}],
    }
    row = application_row({"metadata": {"name": "a"}, "status": status})
    assert (row.tone, row.message) == (BAD, "ComparisonError: broken.yaml: line 3")


def test_a_workload_scaled_to_nothing_is_quiet() -> None:
    workload = {
        "kind": "Deployment",
        "metadata": {"namespace": "n", "name": "chaos-agent"},
        "spec": {
            "replicas": 0,
            "template": {"spec": {"containers": [{"image": "ghcr.io/a/i:v1@sha256:00"}]}},
        },
    }
    row = workload_row(workload)
    assert (row.desired, row.tone, row.images) == (0, QUIET, "i:v1")


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ({"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}, GOOD),
        ({"sync": {"status": "OutOfSync"}, "health": {"status": "Progressing"}}, BUSY),
        ({"sync": {"status": "Synced"}, "health": {"status": "Degraded"}}, BAD),
        (
            {
                "sync": {"status": "Synced"},
                "health": {"status": "Healthy"},
                "conditions": [{"type": "ReleaseReverted", "message": "worker-node v0.2"}],
            },
            WARN,
        ),
        (
            {
                "sync": {"status": "OutOfSync"},
                "health": {"status": "Healthy"},
                "operationState": {"phase": "Failed"},
            },
            BAD,
        ),
        ({}, BUSY),
    ],
)
def test_an_application_s_tone_is_of_its_worst_word(status: dict[str, Any], wanted: str) -> None:
    assert application_row({"metadata": {"name": "a"}, "status": status}).tone == wanted


def _made(kind: str, name: str, owner: tuple[str, str], **more: Any) -> dict[str, Any]:
    references = [{"kind": owner[0], "name": owner[1]}]
    return {
        "kind": kind,
        "metadata": {"namespace": "n", "name": name, "ownerReferences": references},
        **more,
    }


def test_a_tree_shows_what_controllers_made_and_passes_over_what_is_kept_for_a_rollback() -> None:
    entry = {"kind": "Deployment", "namespace": "n", "name": "d", "status": "Synced"}
    app = {"status": {"resources": [{"kind": "Service", "name": "s"}, entry]}}
    made = [
        _made("ReplicaSet", "d-old", ("Deployment", "d"), spec={"replicas": 0}),
        _made("ReplicaSet", "d-new", ("Deployment", "d"), spec={"replicas": 1}, status={"readyReplicas": 1}),
        _made("Pod", "d-new-x", ("ReplicaSet", "d-new"), status={"phase": "Running"}),
    ]
    lines = [(one.depth, one.kind, one.name) for one in tree(app, made, NOW, hidden=frozenset())]
    assert lines == [
        (0, "Deployment", "d"),
        (1, "ReplicaSet", "d-new"),
        (2, "Pod", "d-new-x"),
        (0, "Service", "s"),
    ]


def test_a_history_is_newest_first_and_says_who() -> None:
    entries = [
        {"id": 0, "revision": "a" * 40, "initiatedBy": {"automated": True}},
        {"id": 1, "revision": "b" * 40, "initiatedBy": {"username": "dana"}},
    ]
    found = history({"status": {"history": entries}}, NOW)
    assert [(one.id, one.revision, one.by) for one in found] == [
        (1, "b" * 12, "dana"),
        (0, "a" * 12, "the controller"),
    ]
