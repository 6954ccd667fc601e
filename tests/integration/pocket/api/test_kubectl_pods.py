"""kubectl reaches into a pod: logs, exec, copy, port-forward, top."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from harness.pocket_api import HttpsCluster, kubectl_program
from harness.waiting import eventually

from autostack.pocket.client import Resource

PODS = Resource("", "v1", "pods")


@pytest.fixture
async def cluster(pocket_https: HttpsCluster) -> HttpsCluster:
    """A cluster with one pod that counts as running."""
    client = pocket_https.server.client()
    node = Resource("", "v1", "nodes")
    await client.create(node, {"metadata": {"name": "node"}})
    spec = {"containers": [{"name": "app", "image": "x:1"}]}
    await client.create(PODS, {"metadata": {"name": "p"}, "spec": spec}, "default")
    await client.create(PODS, {"target": {"name": "node"}}, "default", name="p", subresource="binding")
    await client.patch(PODS, "p", {"status": {"phase": "Running"}}, "default", subresource="status")
    return pocket_https


async def test_logs_are_read_and_followed(cluster: HttpsCluster) -> None:
    cluster.node.lines.extend([b"one\n", b"two\n"])
    assert await cluster.ok("logs", "p") == "one\ntwo\n"
    assert await cluster.ok("logs", "p", "--tail=1") == "two\n"


async def test_exec_carries_streams_and_the_exit_code(cluster: HttpsCluster) -> None:
    result = await cluster.kubectl("exec", "p", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.code, result.out, result.err.splitlines()[0]) == (3, "out\n", "err")
    assert await cluster.ok("exec", "-i", "p", "--", "cat", stdin="hello" * 10_000) == "hello" * 10_000


async def test_copy_brings_a_file_in_and_out(cluster: HttpsCluster, tmp_path: Path) -> None:
    source, inside, back = tmp_path / "a", tmp_path / "inside", tmp_path / "back"
    source.write_text("content" * 50_000)
    await cluster.ok("cp", str(source), f"p:{inside}")
    assert inside.read_text() == source.read_text()
    await cluster.ok("cp", f"p:{inside}", str(back))
    assert back.read_text() == source.read_text()


async def test_port_forward_carries_many_connections(cluster: HttpsCluster) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.kubeconfig.parent)}
    process = await asyncio.create_subprocess_exec(
        kubectl_program(), "port-forward", "p", f":{port}", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        line = (await process.stdout.readline()).decode()
    local = int(line.split("127.0.0.1:")[1].split(" ")[0])

    async def round_trip(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", local)
        content = f"{number} ".encode() * 20_000
        writer.write(content)
        assert await reader.readexactly(len(content)) == content
        writer.close()

    async with asyncio.timeout(30):
        await asyncio.gather(*(round_trip(number) for number in range(5)))
    process.terminate()
    await process.wait()
    server.close()


async def test_top_reads_the_node(cluster: HttpsCluster) -> None:
    assert "12m" in await cluster.ok("top", "pod")
    node = Resource("", "v1", "nodes")
    capacity = {
        "status": {"capacity": {"cpu": "2", "memory": "4Gi"}, "allocatable": {"cpu": "2", "memory": "4Gi"}}
    }
    await cluster.server.client().patch(node, "node", capacity, subresource="status")
    assert "12m" in await cluster.ok("top", "node")


async def test_drain_respects_a_disruption_budget(cluster: HttpsCluster) -> None:
    await cluster.ok("label", "pod", "p", "app=p")
    await cluster.ok("create", "pdb", "b", "--selector=app=p", "--min-available=1")
    arguments = ("drain", "node", "--force", "--ignore-daemonsets", "--timeout=2s")
    refused = await cluster.kubectl(*arguments)
    assert refused.code == 1
    assert "disruption budget" in refused.err
    budgets = Resource("policy", "v1", "poddisruptionbudgets")
    status = {"status": {"disruptionsAllowed": 1, "observedGeneration": 1}}
    await cluster.server.client().patch(budgets, "b", status, "default", subresource="status")

    async def is_terminating() -> bool:
        pod = json.loads(await cluster.ok("get", "pod", "p", "-o", "json"))
        return "deletionTimestamp" in pod["metadata"]

    draining = asyncio.create_task(
        cluster.kubectl("drain", "node", "--force", "--ignore-daemonsets", "--timeout=20s")
    )
    await eventually(is_terminating, what="the pod is evicted")
    await cluster.server.client().delete(PODS, "p", "default", grace_period_s=0)
    assert (await draining).code == 0
    assert "SchedulingDisabled" in await cluster.ok("get", "node")
    await cluster.ok("uncordon", "node")
