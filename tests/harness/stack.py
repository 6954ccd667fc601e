"""A whole system of a test's own, brought up by the command that users type."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.waiting import eventually_sync

ROOT = Path(__file__).resolve().parents[2]
UP_WITHIN_S = 240.0
LIVE_WITHIN_S = 240.0


def free_port() -> int:
    """A port that is free on 127.0.0.1, below those that clients take for themselves there."""
    for _ in range(100):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port of 127.0.0.1 is free between 20000 and 32000")


class Push(NamedTuple):
    """What was pushed, and what the origin said to it."""

    commit: str
    said: str


@dataclass
class Stack:
    """One system. Commands are run as a user runs them, with an $AUTOSTACK_HOME of the test's own."""

    home: Path
    port: int = field(default_factory=free_port)

    @classmethod
    def create(cls) -> Stack:
        """A system that is not up yet."""
        return cls(Path(tempfile.mkdtemp(prefix="autostack-e2e-")))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands: nothing of the machine's own clusters."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("KUBECONFIG", "AUTOSTACK_CLUSTER")
        }
        return {
            **kept,
            "AUTOSTACK_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        }

    @property
    def folder(self) -> Path:
        """The cluster's folder."""
        return self.home / "clusters" / "default"

    def run(
        self, *arguments: str, check: bool = True, timeout_s: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """`autostack …`; raises with its output when it fails, unless that is expected."""
        done = subprocess.run(
            [sys.executable, "-m", "autostack", *arguments],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(
                f"autostack {' '.join(arguments)} exited {done.returncode}: {done.stderr[-2000:]}"
            )
        return done

    def up(self) -> dict[str, Any]:
        """Bring it up; the command's JSON."""
        options = ("--port", str(self.port), "--timeout", str(UP_WITHIN_S), "--no-remote", "--json")
        done = self.run("up", *options, timeout_s=2 * UP_WITHIN_S)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def remove(self) -> None:
        """Leave nothing; a purge that fails is a failure."""
        self.run("down", "--purge", "--yes")
        shutil.rmtree(self.home)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """kubectl's standard output."""
        return self.run("kubectl", *arguments, check=check).stdout

    def objects(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def get(self, host: str, path: str) -> Any:
        """A JSON answer through the ingress."""
        return json.loads(self.page(host, path))

    def page(self, host: str, path: str) -> str:
        """A page through the ingress, as text."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Host": f"{host}.localhost"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own ingress
            return str(answer.read().decode())

    def clone(self, folder: Path) -> Path:
        """A developer's clone of the origin."""
        self.git(folder.parent, "clone", "-q", str(self.folder / "origin.git"), str(folder))
        self.git(folder, "config", "user.name", "Developer")
        self.git(folder, "config", "user.email", "developer@example.org")
        return folder

    def git(self, folder: Path, *arguments: str) -> str:
        """git, in a folder."""
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"git {' '.join(arguments)}: {done.stderr[-1000:]}")
        return done.stdout.strip()

    def push(self, clone: Path, message: str) -> Push:
        """Commit everything and push it; once more when the pipeline's own commit came in between."""
        self.git(clone, "commit", "-qam", message)

        def pushed() -> str | None:
            self.git(clone, "pull", "-q", "--rebase", "origin", "main")
            done = subprocess.run(
                ["git", "push", "origin", "HEAD:main"],
                cwd=clone, env=self.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            return done.stderr if done.returncode == 0 else None

        said = eventually_sync(pushed, within_s=60, what="a push that is not overtaken")
        return Push(self.git(clone, "rev-parse", "HEAD"), said or "")

    def versions(self, app: str) -> set[str]:
        """The versions of an application's pods that are ready and stay."""
        pods = self.objects("pods", "-n", "auto-stack", "-l", f"app.kubernetes.io/name={app}")["items"]
        staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        if not staying or not all(_is_ready(pod) for pod in staying):
            return set()
        return {pod["spec"]["containers"][0]["image"].partition("@")[0].rpartition(":")[2] for pod in staying}

    def wait_for_version(self, app: str, accept: Callable[[str], bool]) -> str:
        """Until all pods of an application are ready with one version that is accepted; that version."""

        def look() -> str | None:
            versions = self.versions(app)
            only = next(iter(versions)) if len(versions) == 1 else ""
            return only if only and accept(only) else None

        return str(eventually_sync(look, within_s=LIVE_WITHIN_S, what=f"a new version of {app}"))

    def settled_version(self, app: str) -> str:
        """The one version of an application, when all of its pods are ready."""
        return self.wait_for_version(app, bool)

    def application(self) -> dict[str, Any]:
        """The status of the Application."""
        status: dict[str, Any] = self.objects("application", "auto-stack", "-n", "argocd").get("status") or {}
        return status

    def wait_until_good(self) -> None:
        """Until the Application is Synced and Healthy."""

        def look() -> bool:
            status = self.application()
            return (status["sync"]["status"], status["health"]["status"]) == ("Synced", "Healthy")

        eventually_sync(look, within_s=LIVE_WITHIN_S, what="the Application Synced and Healthy")

    def run_of(self, commit: str) -> dict[str, Any]:
        """The pipeline's run for a commit, when it has ended."""

        def look() -> dict[str, Any] | None:
            runs = json.loads(self.run("ci", "runs", "--json").stdout)
            found = [
                run for run in runs if run["head"] == commit and run["state"] not in ("queued", "running")
            ]
            return found[-1] if found else None

        return eventually_sync(look, within_s=LIVE_WITHIN_S, what=f"the run for {commit[:12]}") or {}

    def wait_for_traffic(self, count: int) -> None:
        """Until so many more problems were acknowledged: whatever happened is over, and traffic flows."""
        before = self.get("sender", "/ledger")["acknowledged"]
        eventually_sync(
            lambda: self.get("sender", "/ledger")["acknowledged"] >= before + count,
            within_s=60,
            what="traffic",
        )

    def control_plane(self) -> int:
        """The PID of the control plane."""
        status = json.loads(self.run("cluster", "status", "--json").stdout)
        return int(next(one["pid"] for one in status if one["name"] == "default"))


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod.get("status", {}).get("conditions", [])
    )


def minor(version: str) -> int:
    """The N of v0.N."""
    return int(version.rpartition(".")[2])
