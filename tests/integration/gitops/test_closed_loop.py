"""From Git to the cluster and back: the controller against a served API, with real Git and real watches."""

from __future__ import annotations

from typing import Any

from harness.gitops_loop import CLAIMS, CONFIG_MAPS, JOBS, Loop, config_map
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
    status = await loop.status("Synced", revision=second)
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
    await eventually(is_healed, what="the edit undone")
    await loop.api.delete(CONFIG_MAPS, "settings", "demo")
    await eventually(is_healed, what="the object back")


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


async def test_broken_yaml_is_told_with_file_and_line_and_the_last_good_state_stays(loop: Loop) -> None:
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    await loop.status("Synced")
    loop.origin.push({"broken.yaml": "apiVersion: v1\nkind: [\n"})
    await loop.refresh()
    status = await loop.status("Unknown")
    assert "manifests/broken.yaml:3" in status["conditions"][0]["message"]
    assert status["conditions"][0]["type"] == "ComparisonError"
    assert await loop.config() == {"value": "one"}
    fixed = loop.origin.push({"broken.yaml": config_map("fine", name="broken")})
    await loop.refresh()
    status = await loop.status("Synced", revision=fixed)
    assert not status.get("conditions")


async def test_a_repository_that_vanishes_is_told_and_drift_is_still_healed(loop: Loop) -> None:
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    await loop.status("Synced")
    away = loop.origin.bare.with_name("away")
    loop.origin.bare.rename(away)
    await loop.refresh()
    status = await loop.status("Unknown")
    assert "cannot be fetched" in status["conditions"][0]["message"]
    await loop.api.delete(CONFIG_MAPS, "settings", "demo")

    async def is_healed() -> bool:
        return await loop.config() == {"value": "one"}

    await eventually(is_healed, what="the object back without the repository")
    away.rename(loop.origin.bare)
    await loop.refresh()
    assert not (await loop.status("Synced")).get("conditions")


async def test_a_claim_that_leaves_git_keeps_its_data(loop: Loop) -> None:
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }  # fmt: skip
    loop.origin.push({"claim.yaml": claim, "settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    await loop.status("Synced")
    loop.origin.push({"settings.yaml": config_map("two")}, remove=("claim.yaml",))
    await loop.refresh()

    async def is_told() -> bool:
        conditions = (await loop.app())["status"].get("conditions") or []
        synced = await loop.config() == {"value": "two"}
        return synced and any(
            "holds data" in one["message"] or "hold data" in one["message"] for one in conditions
        )

    await eventually(is_told, within_s=20, what="the kept claim told")
    await loop.api.get(CLAIMS, "data", "demo")


async def test_a_killed_controller_goes_on_with_the_hook_that_it_had_started(loop: Loop) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox:1"}]}
    job = {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "migrate", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
        "spec": {"template": {"spec": pod}},
    }  # fmt: skip
    revision = loop.origin.push({"job.yaml": job, "settings.yaml": config_map("one")})
    await loop.apply(loop.application())

    async def uid() -> str:
        return str((await loop.api.get(JOBS, "migrate", "demo"))["metadata"]["uid"])

    first = await eventually(uid, what="the hook")
    assert await loop.config() is None
    await loop.kill()
    loop.start()
    done = {"status": {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}}
    await loop.api.request(
        "PATCH",
        JOBS.path("migrate", "demo") + "/status",
        body=done,
        content_type="application/merge-patch+json",
    )
    await loop.status("Synced", revision=revision, within_s=40)
    assert await uid() == first
    assert await loop.config() == {"value": "one"}


async def test_an_invalid_object_stops_the_sync_before_anything_is_applied(loop: Loop) -> None:
    bad = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bad"}, "nonsense": 1}
    loop.origin.push({"bad.yaml": bad, "settings.yaml": config_map("one")})
    app = loop.application()
    app["spec"]["syncPolicy"]["retry"] = {"limit": 0}
    await loop.apply(app)

    async def failed() -> str | None:
        state = ((await loop.app()).get("status") or {}).get("operationState") or {}
        return state.get("message") if state.get("phase") == "Failed" else None

    assert "dry run" in str(await eventually(failed, what="the failed sync"))
    assert await loop.config() is None
