"""Whether what answers at the ingress is this cluster's own system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from harness.pocket_api import HttpsCluster, https_cluster
from harness.postgres import free_address
from lightkube import AsyncClient, KubeConfig

from autostack.stack.errors import StepError
from autostack.stack.ingress import Ingress
from autostack.stack.waiting import first_result

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: worker-node-ours, namespace: auto-stack, labels: {app.kubernetes.io/name: worker-node}}
spec: {containers: [{name: worker-node, image: busybox}]}
"""


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    async with https_cluster(tmp_path / "cluster") as served:
        await served.ok("create", "namespace", "auto-stack")
        await served.ok("apply", "-f", "-", stdin=POD)
        yield served


@pytest.fixture
async def shown() -> AsyncIterator[tuple[dict[str, str], Ingress]]:
    """The newest row that some system's result pages show, and the ingress that leads there."""
    row = {"expression": "1+1", "result": "2", "worker": ""}

    async def results(request: web.Request) -> web.Response:
        return web.json_response({"results": [row]})

    application = web.Application()
    application.add_routes([web.get("/api/v1/results", results)])
    runner = web.AppRunner(application)
    await runner.setup()
    host, port = free_address()
    await web.TCPSite(runner, host, port).start()
    async with Ingress(f"http://{host}:{port}") as ingress:
        yield row, ingress
    await runner.cleanup()


async def test_a_result_counts_when_a_worker_of_this_cluster_made_it(
    cluster: HttpsCluster, shown: tuple[dict[str, str], Ingress]
) -> None:
    row, ingress = shown
    async with AsyncClient(KubeConfig.from_file(str(cluster.kubeconfig)), trust_env=False) as client:
        row["worker"] = "worker-node-theirs"
        with pytest.raises(StepError) as failed:
            await first_result(client, ingress, within_s=0.3)
        told = str(failed.value)
        assert told.startswith("first result: no problem was solved, stored and shown")
        assert "shows results of 'worker-node-theirs', no pod of this cluster within 0.3 s" in told
        assert (
            "the log is `autostack kubectl -n auto-stack logs deploy/worker-node`; `autostack status`" in told
        )
        row["worker"] = "worker-node-ours"
        assert await first_result(client, ingress, within_s=10) == "1+1 = 2"
