"""What `kubectl get` shows."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.pocket.apiserver.extensions.columns import json_path
from autostack.pocket.apiserver.http import cells


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (125, "2m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_860, "3h1m"),
        (100_000, "27h"),
        (200_000, "2d7h"),
        (90 * 86_400, "90d"),
        (800 * 86_400, "2y"),
    ],
)
def test_ages_read_as_kubectl_writes_them(seconds: int, shown: str) -> None:
    assert cells.human_duration(seconds) == shown


def state(**container: Any) -> dict[str, Any]:
    return {"name": "c", **container}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Running", "containerStatuses": [state(ready=True, state={"running": {}})]}, "Running"),
        (
            {
                "phase": "Running",
                "containerStatuses": [state(state={"waiting": {"reason": "CrashLoopBackOff"}})],
            },
            "CrashLoopBackOff",
        ),
        (
            {
                "phase": "Failed",
                "containerStatuses": [state(state={"terminated": {"exitCode": 3, "reason": "Error"}})],
            },
            "Error",
        ),
        (
            {"phase": "Failed", "containerStatuses": [state(state={"terminated": {"exitCode": 3}})]},
            "ExitCode:3",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Pending", "initContainerStatuses": [state(state={"running": {}})]}, "Init:0/1"),
        (
            {
                "phase": "Pending",
                "initContainerStatuses": [state(state={"terminated": {"exitCode": 1, "reason": "Error"}})],
            },
            "Init:Error",
        ),
    ],
)
def test_a_pods_status_says_the_most_urgent(status: dict[str, Any], shown: str) -> None:
    spec = {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}]}
    pod = {"metadata": {"name": "p"}, "spec": spec, "status": status}
    assert cells.pod_status(pod) == shown
    assert cells.pod_status({**pod, "metadata": {"deletionTimestamp": "x"}}) == "Terminating"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.source", "/data"),
        (".spec.list[1]", 2),
        (".metadata.labels['a.b/c']", "x"),
        (".metadata.labels.a\\.b/c", "x"),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        (".spec.absent.deeper", None),
    ],
)
def test_printer_columns_read_their_paths(path: str, value: Any) -> None:
    obj = {
        "metadata": {"labels": {"a.b/c": "x"}},
        "spec": {"source": "/data", "list": [1, 2]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    read = json_path(path)
    assert read is not None
    assert read(obj) == value


SIDECAR_POD = {
    "spec": {
        "initContainers": [{"name": "first"}, {"name": "beside", "restartPolicy": "Always"}],
        "containers": [{"name": "main"}],
    }
}
DONE = {"name": "first", "restartCount": 2, "state": {"terminated": {"exitCode": 0}}}
BESIDE = {"name": "beside", "ready": True, "started": True, "restartCount": 1, "state": {"running": {}}}
MAIN = {"name": "main", "ready": True, "restartCount": 4, "state": {"running": {}}}


@pytest.mark.parametrize(
    ("initial", "containers", "ready", "restarts"),
    [
        ([DONE, BESIDE], [MAIN], "2/2", "5"),
        ([DONE, {**BESIDE, "ready": False}], [MAIN], "1/2", "5"),
        ([{**DONE, "state": {"running": {}}}], [], "0/2", "2"),
        ([DONE, BESIDE], [{**MAIN, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}], "1/2", "5"),
    ],
)
def test_sidecars_count_as_containers_and_other_init_containers_until_they_are_done(
    initial: list[dict[str, Any]], containers: list[dict[str, Any]], ready: str, restarts: str
) -> None:
    pod = {**SIDECAR_POD, "status": {"initContainerStatuses": initial, "containerStatuses": containers}}
    assert (cells.pod_ready(pod), cells.pod_restarts(pod)) == (ready, restarts)
