"""A release's whole life by Helm, which must go the same way on any Kubernetes. Needs `helm` on PATH."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import WITHIN_S, AnyCluster
from .manifests import IMAGE, RUNS, pod_spec, workload

pytestmark = pytest.mark.skipif(
    shutil.which("helm") is None, reason="helm is not on PATH: no distribution that we install from has it"
)
HOOK = {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation"}
TEST = {"helm.sh/hook": "test"}


def write_chart(folder: Path) -> Path:
    """A chart with a Deployment, its Service, a hook and a test."""
    web = workload("Deployment", "web", pod=pod_spec(RUNS, image="{{ .Values.image }}"))
    web["spec"]["replicas"] = "REPLICAS"
    port = {"port": 80, "targetPort": 8080}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    service["spec"] = {"selector": {"app": "web"}, "ports": [port]}
    once = {"restartPolicy": "Never"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "before", "annotations": HOOK}}
    job["spec"] = {"backoffLimit": 0, "template": {"spec": pod_spec("echo before", spec=once)}}
    test = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "annotations": TEST}}
    test["spec"] = pod_spec("echo tried", spec=once)
    files: dict[str, Any] = {
        "Chart.yaml": {"apiVersion": "v2", "name": "web", "version": "0.1.0"},
        "values.yaml": {"replicas": 1, "image": IMAGE},
        "templates/web.yaml": web,
        "templates/service.yaml": service,
        "templates/before.yaml": job,
        "templates/tried.yaml": test,
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content).replace("REPLICAS", "{{ .Values.replicas }}"))
    return folder


async def helm(cluster: AnyCluster, home: Path, *arguments: str) -> tuple[int, str]:
    """Run helm in the test's namespace, with a home of its own."""
    own = {f"HELM_{what}_HOME": str(home / what.lower()) for what in ("CACHE", "CONFIG", "DATA")}
    process = await asyncio.create_subprocess_exec(
        "helm", "--namespace", cluster.namespace, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **own, "KUBECONFIG": str(cluster.kubeconfig)},
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_a_release_is_installed_upgraded_tested_rolled_back_and_uninstalled(
    cluster: AnyCluster, tmp_path: Path
) -> None:
    chart = str(write_chart(tmp_path / "web"))

    async def succeeds(*arguments: str) -> str:
        code, out = await helm(cluster, tmp_path, *arguments)
        assert code == 0, f"helm {' '.join(arguments)}: {out}"
        return out

    patiently = ("--wait", "--timeout", "100s")
    assert "STATUS: deployed" in await succeeds("install", "one", chart, *patiently)
    assert (await cluster.read("job", "before"))["status"]["succeeded"] == 1
    await succeeds("upgrade", "one", chart, "--set", "replicas=2", *patiently)
    assert (await cluster.read("deploy", "web"))["status"]["readyReplicas"] == 2
    assert "Succeeded" in await succeeds("test", "one")
    failed, said = await helm(
        cluster, tmp_path, "upgrade", "one", chart, "--set", "image=example.invalid/nothing:1",
        "--wait", "--timeout", "3s",
    )  # fmt: skip
    assert (failed != 0, "not ready" in said.lower()) == (True, True), said
    await succeeds("rollback", "one", "1", *patiently)
    history = json.loads(await succeeds("history", "one", "-o", "json"))
    assert [one["status"] for one in history] == ["superseded", "superseded", "failed", "deployed"]
    assert (await cluster.read("deploy", "web"))["spec"]["replicas"] == 1
    again, said = await helm(cluster, tmp_path, "install", "one", chart)
    assert (again != 0, "still in use" in said) == (True, True), said
    assert [one["name"] for one in json.loads(await succeeds("list", "-o", "json"))] == ["one"]
    await succeeds("uninstall", "one", *patiently)
    assert json.loads(await succeeds("list", "-o", "json")) == []
    await cluster.until("deploy", holds=lambda found: not found)
