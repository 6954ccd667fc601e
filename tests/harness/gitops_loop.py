"""A Git origin, a served Kubernetes API, and the real controller between them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.gitops.__main__ import run
from autostack.gitops.api import APPLICATIONS, Kind, KubernetesApi
from autostack.gitops.errors import NotFoundError
from autostack.gitops.objects import REFRESH
from autostack.gitops.settings import Settings
from harness.pocket_api import HttpsCluster
from harness.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
CONFIG_MAPS = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
DEPLOYMENTS = Kind("apps", "v1", "Deployment", "deployments", namespaced=True)
JOBS = Kind("batch", "v1", "Job", "jobs", namespaced=True)
CLAIMS = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)


@dataclass
class Origin:
    """A bare repository and a checkout that pushes to it."""

    bare: Path
    checkout: Path

    @classmethod
    def create(cls, folder: Path) -> Origin:
        origin = cls(folder / "origin.git", folder / "checkout")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", origin.bare], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main", origin.checkout], check=True)
        origin.git("remote", "add", "origin", str(origin.bare))
        return origin

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
        done = subprocess.run(
            ["git", "-C", self.checkout, *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def push(self, files: dict[str, Any], message: str = "change", *, remove: tuple[str, ...] = ()) -> str:
        """Commit these files (objects become YAML) below manifests/ and push; the commit."""
        for name, content in files.items():
            path = self.checkout / "manifests" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            documents = content if isinstance(content, list) else [content]
            path.write_text(content if isinstance(content, str) else yaml.safe_dump_all(documents))
        for name in remove:
            (self.checkout / "manifests" / name).unlink()
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "origin", "main")
        return self.git("rev-parse", "HEAD")


@dataclass
class Loop:
    """The closed loop under test; `name` is that of the Application and of its namespace."""

    cluster: HttpsCluster
    origin: Origin
    api: KubernetesApi
    settings: Settings
    name: str = "demo"
    _running: list[tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=list)

    def start(self) -> None:
        """Start the controller."""
        stop = asyncio.Event()
        self._running.append((stop, asyncio.create_task(run(self.settings, stop))))

    async def stop(self) -> None:
        """Stop the controller in order."""
        for stop, task in self._running:
            stop.set()
            await task
        self._running.clear()

    async def kill(self) -> None:
        """Drop the controller where it is; nothing is released or finished."""
        for _, task in self._running:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._running), return_exceptions=True)
        self._running.clear()

    def tenant(self, folder: Path, name: str) -> Loop:
        """Another Application in the same cluster, with an origin and a namespace of its own."""
        (folder / name).mkdir()
        return Loop(self.cluster, Origin.create(folder / name), self.api, self.settings, name)

    def application(self, **spec: Any) -> dict[str, Any]:
        """An Application of the origin's manifests/, with automated sync unless told otherwise."""
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": self.name, "namespace": "argocd"},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.origin.url, "path": "manifests", "targetRevision": "main"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": self.name},
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": ["CreateNamespace=true"],
                },
                **spec,
            },
        }

    async def apply(self, obj: dict[str, Any], kind: Kind = APPLICATIONS) -> None:
        await self.api.apply(kind, obj, field_manager="tester")

    async def app(self) -> dict[str, Any]:
        return await self.api.get(APPLICATIONS, self.name, "argocd")

    async def refresh(self) -> None:
        """What the origin's post-receive hook does."""
        body = {"metadata": {"annotations": {REFRESH: "normal"}}}
        await self.api.merge(APPLICATIONS, self.name, "argocd", body)

    async def config(self, name: str = "settings") -> dict[str, str] | None:
        """The data of a ConfigMap; None when it is not there."""
        try:
            found = await self.api.get(CONFIG_MAPS, name, self.name)
        except NotFoundError:
            return None
        data: dict[str, str] = found.get("data") or {}
        return data

    async def announce(self, files: dict[str, Any], message: str = "change", **more: Any) -> str:
        """Push, and say so as the origin's post-receive hook does; the commit."""
        commit = self.origin.push(files, message, **more)
        await self.refresh()
        return commit

    async def condition(self, kind: str, *, within_s: float = 30) -> str:
        """Wait for a condition of the Application; its message."""

        async def probe() -> str:
            found = (await self.app()).get("status", {}).get("conditions") or []
            return next((one["message"] for one in found if one["type"] == kind), "")

        return await eventually(probe, within_s=within_s, what=f"the condition {kind} of {self.name}")

    async def operation(self, phase: str, text: str = "", *, within_s: float = 30) -> dict[str, Any]:
        """Wait for an operation in a phase whose message has `text` in it; the operationState."""

        async def probe() -> dict[str, Any] | None:
            state: dict[str, Any] = ((await self.app()).get("status") or {}).get("operationState") or {}
            return state if state.get("phase") == phase and text in state.get("message", "") else None

        return await eventually(probe, within_s=within_s, what=f"operation {phase} {text!r} of {self.name}")

    async def set_status(self, kind: Kind, name: str, status: dict[str, Any]) -> None:
        """Do what a controller or a kubelet would: write an object's status."""
        await self.api.request(
            "PATCH",
            kind.path(name, self.name) + "/status",
            body={"status": status},
            content_type="application/merge-patch+json",
        )

    async def end_job(self, name: str, *, succeeded: bool = True) -> str:
        """End a Job once it is there; its uid."""

        async def uid() -> str:
            return str((await self.api.get(JOBS, name, self.name))["metadata"]["uid"])

        found = await eventually(uid, what=f"the Job {name}")
        condition = {"type": "Complete" if succeeded else "Failed", "status": "True", "message": "as told"}
        await self.set_status(JOBS, name, {"conditions": [condition]})
        return found

    async def status(self, sync: str, *, revision: str = "", within_s: float = 20) -> dict[str, Any]:
        """Wait for a sync status (of a revision) with no operation running; the Application's status."""

        async def probe() -> dict[str, Any] | None:
            app = await self.app()
            status: dict[str, Any] = app.get("status") or {}
            found = status.get("sync") or {}
            is_there = found.get("status") == sync and (not revision or found.get("revision") == revision)
            return status if is_there and "operation" not in app else None

        try:
            return await eventually(probe, within_s=within_s, what=f"{sync} {revision[:7]}")
        except AssertionError as error:
            app = await self.app()
            raise AssertionError(f"{error}; the Application is {app}") from None


@asynccontextmanager
async def closed_loop(cluster: HttpsCluster, folder: Path) -> AsyncIterator[Loop]:
    async with KubernetesApi.from_environment(kubeconfig=str(cluster.kubeconfig)) as api:
        for name in ("application-crd.yaml", "appproject-crd.yaml"):
            await cluster.ok("apply", "--server-side", "-f", str(ROOT / "argocd/pocket" / name))
        await cluster.ok("create", "namespace", "argocd")
        settings = Settings(
            listen_host="127.0.0.1",
            listen_port=0,
            identity="tester",
            namespace="argocd",
            cache=folder / "cache",
            poll_s=180,
            prometheus_url="",
            log_level="INFO",
        )
        found = Loop(cluster, Origin.create(folder), api, settings)
        try:
            yield found
        finally:
            await found.kill()


@pytest.fixture
async def loop(
    pocket_https: HttpsCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Loop]:
    """The loop with its controller running."""
    environment(monkeypatch, pocket_https)
    async with closed_loop(pocket_https, tmp_path) as found:
        found.start()
        yield found


def environment(patch: pytest.MonkeyPatch, cluster: HttpsCluster) -> None:
    """What the controller's pod has: a way to the cluster, and kubectl for kustomizations."""
    patch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    patch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def job(name: str, hook: str, **annotations: str) -> dict[str, Any]:
    """A hook."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox:1"}]}
    marks = {"hook": hook, **{key.replace("_", "-"): text for key, text in annotations.items()}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "annotations": {f"argocd.argoproj.io/{key}": text for key, text in marks.items()},
        },
        "spec": {"template": {"spec": pod}},
    }


def deployment(name: str, image: str = "busybox:1", **annotations: str) -> dict[str, Any]:
    """A Deployment; nobody rolls it out here, so its health is what the test says."""
    labels = {"app": name}
    marks = {f"argocd.argoproj.io/{key.replace('_', '-')}": text for key, text in annotations.items()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": marks},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": image}]},
            },
        },
    }  # fmt: skip


def config_map(value: str, name: str = "settings", **annotations: str) -> dict[str, Any]:
    """A ConfigMap with one value."""
    meta: dict[str, Any] = {"name": name}
    if annotations:
        meta["annotations"] = {key.replace("__", "/"): text for key, text in annotations.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}
