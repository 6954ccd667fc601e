"""The guard's revert against real Git: on the newest tip, only the broken app, once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from harness.gitops_loop import Origin

from autostack.gitops.application import Directory, Source
from autostack.gitops.errors import NothingEarlierError, RevertError
from autostack.gitops.guard.bump import Release
from autostack.gitops.guard.revert import revert
from autostack.gitops.source import Mirrors
from autostack.pipeline.origin import create_origin
from autostack.pipeline.places import places_of

Revert = Callable[..., Coroutine[Any, Any, str]]

OLD, NEW = "a" * 64, "b" * 64
WORKER = Release("worker-node", "v0.2", f"sha256:{NEW}")


def manifests(worker: str, result: str) -> dict[str, Any]:
    return {
        "worker.yaml": f"image: ghcr.io/auto-stack/worker-node:{worker}  # by the pipeline\n",
        "result.yaml": f"image: ghcr.io/auto-stack/result-node:{result}\n",
    }


def bumped(folder: Path) -> tuple[Origin, Revert, str, str]:
    origin = Origin.create(folder)
    first = origin.push(manifests(f"v0.1@sha256:{OLD}", f"v0.1@sha256:{OLD}"))
    trailers = f"Autostack-Bump: worker-node v0.2 sha256:{NEW}\nAutostack-Bump: result-node v0.2 sha256:{NEW}"
    bump = origin.push(manifests(f"v0.2@sha256:{NEW}", f"v0.2@sha256:{NEW}"), f"Bump\n\n{trailers}")
    source, mirrors = Source(origin.url, "manifests", "main", Directory(), {}), Mirrors(folder)

    async def reverting(deployed: list[str], why: str = "bad") -> str:
        return await revert(mirrors, source, bump, {WORKER: why}, deployed)

    return origin, reverting, first, bump


async def test_only_the_broken_app_is_reverted_on_the_newest_tip(tmp_path: Path) -> None:
    origin, reverting, first, bump = bumped(tmp_path)
    origin.push({"other.yaml": "x: 1\n"}, "someone else's change")
    made = await reverting([first], "P95 900 ms is over 500 ms")
    origin.git("pull", "-q", "origin", "main")
    assert origin.git("rev-parse", "HEAD") == made
    folder = origin.checkout / "manifests"
    assert f"worker-node:v0.1@sha256:{OLD}  # by the pipeline" in (folder / "worker.yaml").read_text()
    assert f"result-node:v0.2@sha256:{NEW}" in (folder / "result.yaml").read_text()
    assert (folder / "other.yaml").exists()
    assert f"Autostack-Revert: {bump} worker-node v0.2 P95" in origin.git("show", "-s", "--format=%B")


async def test_a_bump_is_reverted_once(tmp_path: Path) -> None:
    _, reverting, first, _ = bumped(tmp_path)
    assert await reverting([first])
    assert await reverting([first]) == ""


async def test_a_version_that_was_replaced_since_is_left_alone(tmp_path: Path) -> None:
    origin, reverting, first, _ = bumped(tmp_path)
    origin.push(manifests(f"v0.3@sha256:{OLD}", f"v0.2@sha256:{NEW}"), "next")
    assert await reverting([first]) == ""


async def test_the_first_release_of_all_is_not_reverted_to_what_never_ran(tmp_path: Path) -> None:
    origin, reverting, _, bump = bumped(tmp_path)
    with pytest.raises(NothingEarlierError, match="no earlier release was deployed here"):
        await reverting([bump])
    assert origin.git("ls-remote", "origin", "main").split()[0] == bump


async def test_a_repository_that_is_away_is_asked_again(tmp_path: Path) -> None:
    origin, reverting, first, _ = bumped(tmp_path)
    away = origin.bare.with_name("away")
    origin.bare.rename(away)
    with pytest.raises(RevertError):
        await reverting([first])
    away.rename(origin.bare)
    assert await reverting([first])


async def test_a_push_from_where_the_hosts_environment_is_not_needs_no_hook(tmp_path: Path) -> None:
    """As in the controller's pod: the origin's own hook is there, its interpreter and its cluster are not."""
    origin, _, first, bump = bumped(tmp_path)
    places = places_of(tmp_path / "cluster")
    local = create_origin(origin.checkout, places)
    hook = places.origin / "hooks" / "post-receive"
    hook.write_text(hook.read_text().replace(sys.executable, "/gone/bin/python"))
    source = Source(f"file://{places.origin}", "manifests", "main", Directory(), {})
    made = await revert(Mirrors(tmp_path), source, bump, {WORKER: "bad"}, [first])
    assert local.commit("main") == made
    assert not places.ci.exists()
