"""From Git to the cluster and back: the controller against a served API, with real Git and real watches."""

from __future__ import annotations

from typing import Any

from harness.gitops_loop import CONFIG_MAPS, Loop, config_map
from harness.waiting import eventually


async def test_what_is_pushed_is_applied_and_the_status_says_so(loop: Loop) -> None:
    revision = loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    status = await loop.status("Synced", revision=revision)
    assert await loop.config() == {"value": "one"}
    assert status["health"]["status"] == "Healthy"
    assert status["operationState"]["phase"] == "Succeeded"
    assert status["history"][0]["revision"] == revision
    assert [entry["name"] for entry in status["resources"]] == ["settings"]
    printed = await loop.cluster.ok("get", "applications", "-n", "argocd")
    assert "SYNC STATUS" in printed
    assert "Synced" in printed


async def test_a_push_that_is_announced_is_seen_at_once(loop: Loop) -> None:
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    await loop.status("Synced")
    second = loop.origin.push({"settings.yaml": config_map("two")})
    await loop.refresh()
    status = await loop.status("Synced", revision=second, within_s=5)
    assert await loop.config() == {"value": "two"}
    assert [entry["id"] for entry in status["history"]] == [0, 1]
    assert "argocd.argoproj.io/refresh" not in ((await loop.app())["metadata"].get("annotations") or {})


async def test_drift_is_healed_by_the_watch_alone(loop: Loop) -> None:
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    await loop.status("Synced")

    async def is_healed() -> bool:
        return await loop.config() == {"value": "one"}

    await loop.api.merge(CONFIG_MAPS, "settings", "demo", {"data": {"value": "drifted"}})
    await eventually(is_healed, within_s=5, what="the edit undone")
    await loop.api.delete(CONFIG_MAPS, "settings", "demo")
    await eventually(is_healed, within_s=5, what="the object back")


async def test_what_leaves_git_is_pruned(loop: Loop) -> None:
    loop.origin.push({"settings.yaml": config_map("one"), "other.yaml": config_map("x", name="other")})
    background = ["CreateNamespace=true", "PrunePropagationPolicy=background"]  # nobody collects garbage here
    policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": background}
    await loop.apply(loop.application(syncPolicy=policy))
    await loop.status("Synced")
    revision = loop.origin.push({}, remove=("other.yaml",))
    await loop.refresh()
    status = await loop.status("Synced", revision=revision)
    assert await loop.config("other") is None
    pruned: list[dict[str, Any]] = status["operationState"]["syncResult"]["resources"]
    assert ("other", "Pruned") in {(entry["name"], entry.get("status")) for entry in pruned}
