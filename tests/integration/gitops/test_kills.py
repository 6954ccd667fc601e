"""`kill -9` of the controller at every step that it takes: another goes on, and each thing is done once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.gitops_loop import JOBS, Loop, closed_loop, config_map, deployment, job
from harness.gitops_process import ControllerProcess, gate
from harness.pocket_api import HttpsCluster
from harness.waiting import eventually

from autostack.gitops.api import Kind

PODS = Kind("", "v1", "Pod", "pods", namespaced=True)
pytestmark = pytest.mark.timeout(600)
OLD, NEW = "a" * 64, "b" * 64


def files(value: str) -> dict[str, Any]:
    second = config_map(value, name="second")
    second["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "1"}
    return {
        "pre.yaml": job("pre", "PreSync"),
        "first.yaml": config_map(value, name="first"),
        "second.yaml": second,
    }


@asynccontextmanager
async def ending_jobs(loop: Loop, created: list[tuple[str, str]]) -> AsyncIterator[None]:
    """Every Job that is created ends well, and is noted by name and uid."""

    async def watch() -> None:
        async for event in loop.api.watch(JOBS, "0", loop.name):
            meta = event["object"]["metadata"]
            if event["type"] == "ADDED" and (meta["name"], meta["uid"]) not in created:
                created.append((meta["name"], meta["uid"]))
                await loop.set_status(
                    JOBS, meta["name"], {"conditions": [{"type": "Complete", "status": "True"}]}
                )

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_controller_that_is_killed_after_each_write_of_a_sync_does_each_once(
    pocket_https: HttpsCluster, tmp_path: Path
) -> None:
    created: list[tuple[str, str]] = []
    async with closed_loop(pocket_https, tmp_path) as loop, gate(pocket_https, tmp_path) as between:
        controller = ControllerProcess(between.kubeconfig, tmp_path)
        between.kill = controller.kill
        first = loop.origin.push({**files("one"), "old.yaml": config_map("x", name="old")})
        options = ["CreateNamespace=true", "PrunePropagationPolicy=background"]
        policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": options}
        await loop.apply(loop.application(syncPolicy=policy))
        controller.start()
        async with ending_jobs(loop, created):
            await loop.status("Synced", revision=first, within_s=60)
            assert Counter(name for name, _ in created) == {"pre": 1}
            between.written.clear()
            created.clear()
            second = loop.origin.push(files("two"), remove=("old.yaml",))
            await loop.refresh()
            kills = await _kill_until_done(loop, controller, between, second)
            status = await loop.status("Synced", revision=second)
        controller.kill()
        assert kills >= len(between.written) - 1 >= 6, between.written
        assert Counter(name for name, _ in created) == {"pre": 1}
        history = [(entry["id"], entry["revision"]) for entry in status["history"]]
        assert history == [(0, first), (1, second)]
        assert status["operationState"]["phase"] == "Succeeded"
        assert await loop.config("old") is None
        assert await loop.config("first") == await loop.config("second") == {"value": "two"}


async def _kill_until_done(loop: Loop, controller: ControllerProcess, between: Any, revision: str) -> int:
    """Arm the gate again and again; the number of kills until the sync is over."""
    kills = 0
    between.armed = True
    while True:

        async def is_over() -> str:
            if not controller.is_alive:
                return "killed"
            status = (await loop.app())["status"]
            entries = [entry["revision"] for entry in status.get("history") or []]
            return "done" if revision in entries and status["sync"]["status"] == "Synced" else ""

        if await eventually(is_over, within_s=60, what=f"the next of {between.written}") == "done":
            between.armed = False
            return kills
        kills += 1
        between.armed = True
        controller.start()


def release(version: str, digest: str) -> dict[str, Any]:
    return {
        "worker.yaml": deployment("worker-node", f"ghcr.io/auto-stack/worker-node:{version}@sha256:{digest}")
    }


async def test_a_controller_that_is_killed_in_the_middle_of_a_revert_makes_it_once(
    pocket_https: HttpsCluster, tmp_path: Path
) -> None:
    async with closed_loop(pocket_https, tmp_path) as loop:
        controller = ControllerProcess(pocket_https.kubeconfig, tmp_path)
        _kill_at(loop, tmp_path, "pre-receive", "exit 1")
        loop.origin.git("config", "remote.origin.receivepack", "git -c core.hooksPath=/dev/null receive-pack")
        first = loop.origin.push(release("v0.1", OLD))
        await loop.apply(loop.application())
        controller.start()
        await loop.status("Synced", revision=first, within_s=60)
        bump = await loop.announce(
            release("v0.2", NEW), f"Release\n\nAutostack-Bump: worker-node v0.2 sha256:{NEW}\n"
        )
        await loop.status("Synced", revision=bump)
        await _crash(loop, "v0.2", NEW)
        await eventually(_is_dead(controller), what="the kill before the push is taken")
        assert loop.origin.git("ls-remote", "origin", "main").split()[0] == bump
        (loop.origin.bare / "hooks" / "pre-receive").unlink()
        _kill_at(loop, tmp_path, "post-receive", "exit 0")
        controller.start()
        await eventually(_is_dead(controller), within_s=60, what="the kill after the push was taken")
        (loop.origin.bare / "hooks" / "post-receive").unlink()
        controller.start()
        reverted = loop.origin.git("ls-remote", "origin", "main").split()[0]
        await loop.status("Synced", revision=reverted, within_s=60)
        assert "worker-node v0.2 was reverted" in await loop.condition("ReleaseGuardWarning")
        # Deployed again by a person's own will, and as broken as before: the commit is not reverted twice.
        loop.origin.git("pull", "-q", "origin", "main")
        loop.origin.git("revert", "--no-edit", "HEAD")
        again = await loop.announce({})
        await loop.status("Synced", revision=again)

        async def is_left() -> bool:
            events = await loop.cluster.ok(
                "get", "events", "-n", "argocd", "-o", "name", "--field-selector", "reason=ReleaseLeft"
            )
            return bool(events.strip())

        await eventually(is_left, what="the guard's word that it leaves the release")
        log = loop.origin.git("log", "--format=%(trailers:key=Autostack-Revert,valueonly)", again)
        assert log.count(f"{bump} worker-node v0.2") == 1
        assert loop.origin.git("ls-remote", "origin", "main").split()[0] == again
        controller.kill()


def _kill_at(loop: Loop, folder: Path, hook: str, then: str) -> None:
    """Have the origin kill the controller in the middle of its push."""
    file = loop.origin.bare / "hooks" / hook
    file.write_text(f"#!/bin/sh\nkill -9 $(cat {folder}/controller.pid)\n{then}\n")
    file.chmod(0o755)


def _is_dead(controller: ControllerProcess) -> Any:
    async def probe() -> bool:
        return not controller.is_alive

    return probe


async def _crash(loop: Loop, version: str, digest: str) -> None:
    """A pod of the release that keeps crashing, as a kubelet would report it."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "worker-node-1",
        "uid": "1",
        "controller": True,
    }
    image = f"ghcr.io/auto-stack/worker-node:{version}@sha256:{digest}"
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "worker-node-1-a", "namespace": loop.name, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "a", "image": image}]},
    }  # fmt: skip
    await loop.apply(pod, PODS)
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    container = {
        "name": "a", "image": image, "imageID": "", "ready": False, "restartCount": 3, "state": waiting,
    }  # fmt: skip
    await loop.set_status(PODS, "worker-node-1-a", {"containerStatuses": [container]})
