"""The guard's revert against real Git: on the newest tip, only the broken app, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.gitops_loop import Origin

from autostack.gitops.application import Directory, Source
from autostack.gitops.guard.bump import Release
from autostack.gitops.guard.revert import revert

OLD, NEW = "a" * 64, "b" * 64
WORKER = Release("worker-node", "v0.2", f"sha256:{NEW}")


def manifests(worker: str, result: str) -> dict[str, Any]:
    return {
        "worker.yaml": f"image: ghcr.io/auto-stack/worker-node:{worker}  # by the pipeline\n",
        "result.yaml": f"image: ghcr.io/auto-stack/result-node:{result}\n",
    }


def bumped(folder: Path) -> tuple[Origin, Source, str]:
    origin = Origin.create(folder)
    origin.push(manifests(f"v0.1@sha256:{OLD}", f"v0.1@sha256:{OLD}"))
    trailers = f"Autostack-Bump: worker-node v0.2 sha256:{NEW}\nAutostack-Bump: result-node v0.2 sha256:{NEW}"
    bump = origin.push(manifests(f"v0.2@sha256:{NEW}", f"v0.2@sha256:{NEW}"), f"Bump\n\n{trailers}")
    return origin, Source(origin.url, "manifests", "main", Directory(), {}), bump


async def test_only_the_broken_app_is_reverted_on_the_newest_tip(tmp_path: Path) -> None:
    origin, source, bump = bumped(tmp_path)
    origin.push({"other.yaml": "x: 1\n"}, "someone else's change")
    made = await revert(source, bump, {WORKER: "P95 900 ms is over 500 ms"}, tmp_path)
    origin.git("pull", "-q", "origin", "main")
    assert origin.git("rev-parse", "HEAD") == made
    folder = origin.checkout / "manifests"
    assert f"worker-node:v0.1@sha256:{OLD}  # by the pipeline" in (folder / "worker.yaml").read_text()
    assert f"result-node:v0.2@sha256:{NEW}" in (folder / "result.yaml").read_text()
    assert (folder / "other.yaml").exists()
    assert f"Autostack-Revert: {bump} worker-node v0.2 P95" in origin.git("show", "-s", "--format=%B")


async def test_a_bump_is_reverted_once(tmp_path: Path) -> None:
    _, source, bump = bumped(tmp_path)
    assert await revert(source, bump, {WORKER: "bad"}, tmp_path)
    assert await revert(source, bump, {WORKER: "bad"}, tmp_path) == ""


async def test_a_version_that_was_replaced_since_is_left_alone(tmp_path: Path) -> None:
    origin, source, bump = bumped(tmp_path)
    origin.push(manifests(f"v0.3@sha256:{OLD}", f"v0.2@sha256:{NEW}"), "next")
    assert await revert(source, bump, {WORKER: "bad"}, tmp_path) == ""
