"""Objects of the API become rows as kubectl would say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from autostack.console import views

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _pod(*, status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": "p", **metadata}, "status": status}


@pytest.mark.parametrize(
    ("status", "metadata", "wanted"),
    [
        ({"phase": "Running", "containerStatuses": [{"ready": True}]}, {}, ("Running", views.GOOD)),
        ({"phase": "Running", "containerStatuses": [{"ready": False}]}, {}, ("Running", views.BUSY)),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            },
            {},
            ("CrashLoopBackOff", views.BAD),
        ),
        ({"phase": "Running"}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, ("Terminating", views.BUSY)),
        ({"phase": "Succeeded"}, {}, ("Succeeded", views.QUIET)),
        ({}, {}, ("Unknown", views.BUSY)),
    ],
)
def test_a_pod_s_status_is_its_most_telling_word(
    status: dict[str, Any], metadata: dict[str, Any], wanted: tuple[str, str]
) -> None:
    row = views.pod_row(_pod(status=status, **metadata), NOW)
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
    assert views.age(then, NOW) == wanted


def test_an_application_with_a_condition_is_bad_and_says_why() -> None:
    status = {
        "sync": {"status": "Unknown"},
        "health": {"status": "Healthy"},
        "conditions": [{"type": "ComparisonError", "message": "broken.yaml: line 3"}],
    }
    row = views.application_row({"metadata": {"name": "a"}, "status": status})
    assert (row.tone, row.message) == (views.BAD, "broken.yaml: line 3")


def test_a_workload_scaled_to_nothing_is_quiet() -> None:
    workload = {
        "kind": "Deployment",
        "metadata": {"namespace": "n", "name": "chaos-agent"},
        "spec": {"replicas": 0, "template": {"spec": {"containers": [{"image": "i:v1@sha256:00"}]}}},
    }
    row = views.workload_row(workload)
    assert (row.desired, row.tone, row.images) == (0, views.QUIET, "i:v1")
