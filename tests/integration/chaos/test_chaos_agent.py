"""The agent as its image starts it, on a served Kubernetes API with controllers, by its own service account:
it kills what opted in, as it asked for, tells it, and can do nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from harness.pocket_api import HttpsCluster, Result, https_cluster
from harness.pretend_kubelet import until_cancelled
from harness.service_process import ServiceProcess
from harness.waiting import eventually

from autostack.pocket.controllers import ControllerSettings, run_all

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "k8s-manifests" / "chaos-agent-deployment.yaml"
NAMESPACE = "auto-stack"


def deployment(name: str, replicas: int, *, pods_opt_in: bool = True, **labels: str) -> str:
    """A Deployment with kube-monkey's labels (`kill_mode` is `kube-monkey/kill-mode`), as YAML."""
    monkey = {f"kube-monkey/{word.replace('_', '-')}": value for word, value in labels.items()}
    opted = {
        word: monkey[word] for word in ("kube-monkey/enabled", "kube-monkey/identifier") if word in monkey
    }
    template = {
        "metadata": {"labels": {"app": name, **(opted if pods_opt_in else {})}},
        "spec": {"containers": [{"name": "main", "image": "busybox:1"}]},
    }
    return yaml.safe_dump(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": monkey},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
        }
    )


def opted_in(name: str, mode: str, value: str | None = None, **more: str) -> dict[str, str]:
    """The labels of a workload that wants to be attacked."""
    given = {"enabled": "enabled", "identifier": name, "mtbf": "1", "kill_mode": mode, **more}
    return given | ({"kill_value": value} if value else {})


@dataclass
class Field:
    """The cluster, and the agent's own way in."""

    cluster: HttpsCluster
    kubeconfig: Path

    async def apply(self, *documents: str) -> None:
        """Apply Deployments and wait until all their pods run."""
        await self.cluster.ok("apply", "-f", "-", stdin="\n---\n".join(documents))
        await eventually(self.whole, within_s=60, what="every Deployment complete")

    async def whole(self) -> bool:
        """Whether every Deployment has the pods that it wants."""
        found = await self.all("deployments")
        return all(
            (one["status"].get("readyReplicas") or 0) == one["spec"]["replicas"]
            for one in found
            if "status" in one
        )

    async def all(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind in the namespace."""
        text = await self.cluster.ok("get", kind, "-n", NAMESPACE, "-o", "json")
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    async def kills(self) -> Counter[str]:
        """How many pods of each workload the agent's Events say that it killed."""
        events = [one for one in await self.all("events") if one["reason"] == "ChaosKill"]
        return Counter(one["related"]["name"] for one in events)

    def environment(self, **settings: str) -> dict[str, str]:
        """The agent's environment; KUBECONFIG stands for the token that a pod has mounted."""
        return {"KUBECONFIG": str(self.kubeconfig), "NAMESPACES": NAMESPACE, "SEED": "7", **settings}

    async def once(self, **settings: str) -> Result:
        """`python -m chaos_agent once`."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chaos_agent", "once",
            env=os.environ | self.environment(**settings), stdout=pipe, stderr=pipe,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return Result(process.returncode or 0, out.decode(), err.decode())


def _with_token(kubeconfig: Path, token: str) -> Path:
    """A kubeconfig beside it with another token."""
    document = yaml.safe_load(kubeconfig.read_text())
    document["users"][0]["user"] = {"token": token}
    path = kubeconfig.with_name("agent")
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
async def field(tmp_path: Path) -> AsyncIterator[Field]:
    """The shipped manifest applied: identity, rights, and the Deployment, which is off."""
    async with https_cluster(tmp_path) as cluster, asyncio.TaskGroup() as tasks:
        client = cluster.server.client()
        playing = [
            tasks.create_task(run_all(client, ControllerSettings(volumes=tmp_path / "volumes"))),
            tasks.create_task(until_cancelled(client)),
        ]
        await cluster.ok("create", "namespace", NAMESPACE)
        await cluster.ok("apply", "-f", str(MANIFEST))
        token = (await cluster.ok("create", "token", "chaos-agent", "-n", NAMESPACE)).strip()
        yield Field(cluster, _with_token(cluster.kubeconfig, token))
        for task in playing:
            task.cancel()


async def test_each_mode_kills_what_it_says_and_nothing_else_and_all_of_it_heals(field: Field) -> None:
    await field.apply(
        deployment("fixed", 3, **opted_in("fixed", "fixed", "1")),
        deployment("half", 4, **opted_in("half", "fixed-percent", "50")),
        deployment("everything", 2, **opted_in("everything", "kill-all")),
        deployment("chance", 4, **opted_in("chance", "random-max-percent", "50")),
        deployment("stranger", 2),
        deployment("disabled", 2, **opted_in("disabled", "kill-all", enabled="disabled")),
        deployment("pods-did-not-opt-in", 2, pods_opt_in=False, **opted_in("elsewhere", "kill-all")),
        deployment("misspelt", 2, **opted_in("misspelt", "kill-some", "1")),
    )
    before = {pod["metadata"]["uid"]: pod["metadata"]["labels"]["app"] for pod in await field.all("pods")}
    done = await field.once()
    assert done.code == 0, done.err
    kills = await field.kills()
    assert kills.pop("chance", 0) <= 2
    assert kills == {"fixed": 1, "half": 2, "everything": 2}
    await eventually(field.whole, within_s=60, what="everything healed")
    left = {pod["metadata"]["uid"] for pod in await field.all("pods")}
    gone = Counter(app for uid, app in before.items() if uid not in left)
    assert gone == await field.kills()
    (complaint,) = [one for one in await field.all("events") if one["reason"] == "ChaosLabelsInvalid"]
    assert complaint["type"] == "Warning"
    assert complaint["involvedObject"]["name"] == "misspelt"
    assert "kube-monkey/kill-mode is 'kill-some'" in complaint["message"]


async def test_its_account_may_kill_pods_of_its_namespace_and_nothing_more(field: Field) -> None:
    async def may(*question: str) -> bool:
        answer = await field.cluster.kubectl(
            "--kubeconfig", str(field.kubeconfig), "auth", "can-i", *question
        )
        return answer.out.strip() == "yes"

    assert await may("delete", "pods", "-n", NAMESPACE)
    for refused in (
        ("delete", "pods", "-n", "default"),
        ("delete", "deployments", "-n", NAMESPACE),
        ("get", "secrets", "-n", NAMESPACE),
        ("create", "pods", "-n", NAMESPACE),
        ("get", "nodes"),
    ):
        assert not await may(*refused), refused
    done = await field.once(NAMESPACES="default")
    assert done.code == 1
    assert "list workloads in default: 403" in done.err
    assert "Traceback" not in done.err


async def test_it_attacks_at_the_labels_pace_and_counts_what_it_does(field: Field) -> None:
    await field.apply(deployment("prey", 3, **opted_in("prey", "fixed", "1")))
    settings = field.environment(DAY_S="1", LOOK_S="0.05")
    agent = await asyncio.to_thread(ServiceProcess.start, "chaos_agent", settings)
    try:

        async def killed() -> bool:
            return (await field.kills())["prey"] >= 2

        await eventually(killed, within_s=60, what="two kills")
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"{agent.url}/metrics")).text
            (target,) = (await client.get(f"{agent.url}/targets")).json()
    finally:
        code = await asyncio.to_thread(agent.stop)
    assert code == 0
    assert 'chaos_kills_total{identifier="prey",namespace="auto-stack"}' in metrics
    assert "chaos_targets 1.0" in metrics
    assert (target["name"], target["mtbf_s"], target["mode"]) == ("prey", 1.0, "fixed")
    await eventually(field.whole, within_s=60, what="the prey healed")


async def test_a_dry_run_tells_and_touches_nothing(field: Field) -> None:
    await field.apply(deployment("prey", 2, **opted_in("prey", "kill-all")))
    before = {pod["metadata"]["uid"] for pod in await field.all("pods")}
    done = await field.once(DRY_RUN="true")
    assert done.code == 0, done.err
    assert {pod["metadata"]["uid"] for pod in await field.all("pods")} == before
    events = [one["message"] for one in await field.all("events") if one["reason"] == "ChaosKill"]
    assert len(events) == 2
    assert all(message.startswith("Would delete pod ") for message in events)


async def test_the_switch_is_off_until_it_is_started_and_off_again_when_stopped(field: Field) -> None:
    async def chaos(*words: str) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "autostack", "chaos", *words,
            env=os.environ | {"KUBECONFIG": str(field.cluster.kubeconfig)}, stdout=pipe, stderr=pipe,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode == 0, err
        return out.decode()

    off = json.loads(await chaos("status", "--json"))
    assert (off["wanted"], off["ready"], off["kills"]) == (False, False, [])
    await chaos("start", "--every", "30s")

    async def ready() -> bool:
        return bool(json.loads(await chaos("status", "--json"))["ready"])

    await eventually(ready, within_s=60, what="the agent is ready")
    assert "chaos is on; a day takes 30 s" in await chaos("status")
    assert "chaos is off" in await chaos("stop")
    assert json.loads(await chaos("status", "--json"))["wanted"] is False
