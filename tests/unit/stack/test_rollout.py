"""How far a rollout is, as `kubectl rollout status` judges it."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.gitops.guard.bump import LogEntry, Release, latest_reverts, revert_message
from autostack.stack.applications import ApplicationState
from autostack.stack.rollout import Rollout, read_rollout, taken_back


def _deployment(*, generation: int = 2, **status: int) -> dict[str, Any]:
    image = "ghcr.io/auto-stack/worker-node:v0.2@sha256:00"
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"image": image}]}}},
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "updated", "complete"),
    [
        ({}, 0, False),
        ({"observedGeneration": 1, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, 0, False),
        ({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 4, "availableReplicas": 3}, 2, False),
        ({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 4, "availableReplicas": 4}, 3, False),
        ({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}, 3, False),
        ({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, 3, True),
    ],
    ids=["no status", "not observed", "half way", "an old pod left", "one not available", "done"],
)
def test_a_rollout_is_complete_when_no_other_pod_is_left(
    status: dict[str, int], updated: int, complete: bool
) -> None:
    assert read_rollout(_deployment(**status)) == Rollout("v0.2", updated, 3, complete)


def test_a_version_that_the_guard_took_back_is_recognised_by_its_words() -> None:
    release = Release("worker-node", "v0.2", f"sha256:{'b' * 64}")
    reverting = LogEntry("871822a240d9", revert_message("a" * 40, {release: "pod x keeps crashing"}))
    words = latest_reverts([reverting])["worker-node"]
    assert "pod x keeps crashing" in words
    state = ApplicationState("Synced", "Healthy", "871822a240d9", words)
    assert taken_back(state, "worker-node", "v0.2") == words
    assert taken_back(state, "worker-node", "v0.3") == ""
    assert taken_back(None, "worker-node", "v0.2") == ""
