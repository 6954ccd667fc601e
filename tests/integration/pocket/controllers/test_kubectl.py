"""The real kubectl drives rollouts, drains and jobs against all controllers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_api import HttpsCluster, pocket_https  # noqa: F401 - a fixture
from harness.pretend_kubelet import until_cancelled
from harness.waiting import eventually

from autostack.pocket.controllers import ControllerSettings, run_all

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "busybox:1"}]}
"""
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 3, selector: {matchLabels: {app: web}}}
"""


@pytest.fixture
async def cluster(pocket_https: HttpsCluster, tmp_path: Path) -> AsyncIterator[HttpsCluster]:  # noqa: F811
    client = pocket_https.server.client()
    async with asyncio.TaskGroup() as tasks:
        parts = [
            tasks.create_task(run_all(client, ControllerSettings(tmp_path / "volumes"))),
            tasks.create_task(until_cancelled(client)),
        ]
        yield pocket_https
        for part in parts:
            part.cancel()


async def rolled_out(cluster: HttpsCluster) -> None:
    assert "successfully rolled out" in await cluster.ok("rollout", "status", "deploy/web", "--timeout=60s")


async def read(cluster: HttpsCluster, *what: str) -> Any:
    return json.loads(await cluster.ok("get", *what, "-o", "json"))


async def image(cluster: HttpsCluster) -> str:
    found = await read(cluster, "deploy", "web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_rollout_status_history_undo_pause_resume_restart(cluster: HttpsCluster) -> None:
    await cluster.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    await rolled_out(cluster)
    await cluster.ok("set", "image", "deploy/web", "main=busybox:2")
    await rolled_out(cluster)
    history = await cluster.ok("rollout", "history", "deploy/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    await cluster.ok("rollout", "undo", "deploy/web")
    await rolled_out(cluster)
    assert await image(cluster) == "busybox:1"
    await cluster.ok("rollout", "undo", "deploy/web", "--to-revision=2")
    await rolled_out(cluster)
    assert await image(cluster) == "busybox:2"
    await cluster.ok("rollout", "pause", "deploy/web")
    await cluster.ok("set", "image", "deploy/web", "main=busybox:3")
    await cluster.ok("rollout", "resume", "deploy/web")
    await rolled_out(cluster)
    before = {one["metadata"]["uid"] for one in (await read(cluster, "pods"))["items"]}
    await cluster.ok("rollout", "restart", "deploy/web")
    await rolled_out(cluster)
    alive = [
        one for one in (await read(cluster, "pods"))["items"] if "deletionTimestamp" not in one["metadata"]
    ]
    assert len(alive) == 3
    assert not before & {one["metadata"]["uid"] for one in alive}


async def test_scale_up_and_down_and_describe_tell_what_happened(cluster: HttpsCluster) -> None:
    await cluster.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    await rolled_out(cluster)
    await cluster.ok("scale", "deploy/web", "--replicas=5")
    await rolled_out(cluster)
    await cluster.ok("scale", "deploy/web", "--current-replicas=5", "--replicas=1")
    await rolled_out(cluster)

    async def told() -> bool:
        shown = await cluster.ok("describe", "deploy", "web")
        return "Scaled down" in shown and "from 5 to 1" in shown

    await eventually(told, what="the Events in describe")


async def test_drain_waits_for_the_budget_and_then_empties_the_node(cluster: HttpsCluster) -> None:
    await cluster.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    await rolled_out(cluster)
    await cluster.ok("apply", "-f", "-", stdin=BUDGET)

    async def counted() -> bool:
        status = (await read(cluster, "pdb", "web")).get("status") or {}
        return bool(status.get("currentHealthy") == 3 and status.get("disruptionsAllowed") == 0)

    await eventually(counted, what="the budget is counted")
    refused = await cluster.kubectl("drain", "node", "--timeout=2s")
    assert refused.code != 0
    assert len((await read(cluster, "pods"))["items"]) == 3
    await cluster.ok("delete", "pdb", "web")
    await cluster.ok("cordon", "node")
    await cluster.ok("drain", "node", "--timeout=30s")
    pods = (await read(cluster, "pods"))["items"]
    assert all(not one["spec"].get("nodeName") for one in pods)
    await cluster.ok("uncordon", "node")
    await rolled_out(cluster)


async def test_a_cron_job_is_run_by_hand(cluster: HttpsCluster) -> None:
    await cluster.ok("create", "cronjob", "tick", "--image=busybox", "--schedule=0 0 1 1 *", "--", "true")
    await cluster.ok("create", "job", "now", "--from=cronjob/tick")

    async def has_pod() -> bool:
        return len((await read(cluster, "pods", "-l", "job-name=now"))["items"]) == 1

    await eventually(has_pod, what="the Job's pod")
    await cluster.ok("delete", "job", "now", "--timeout=20s")
    assert (await read(cluster, "pods"))["items"] == []
