"""What an Application asks for, each in an Application of its own, in one cluster with one controller."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from harness.git_https import git_server
from harness.gitops_loop import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    Loop,
    closed_loop,
    config_map,
    deployment,
    environment,
    job,
)
from harness.pocket_api import https_cluster
from harness.waiting import eventually

from autostack.gitops.api import APPLICATIONS, Kind
from autostack.gitops.errors import NotFoundError

pytestmark = [pytest.mark.asyncio(loop_scope="module")]
SECRETS = Kind("", "v1", "Secret", "secrets", namespaced=True)
HEALTHY = {
    "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1,
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Loop]:
    """One cluster and one controller for all tests of this file."""
    folder = tmp_path_factory.mktemp("policies")
    with pytest.MonkeyPatch.context() as patch:
        async with https_cluster(folder) as cluster:
            environment(patch, cluster)
            async with closed_loop(cluster, folder) as found:
                found.start()
                yield found


def policy(*, automated: dict[str, Any] | None = None, options: tuple[str, ...] = (), **more: Any) -> Any:
    """A syncPolicy with CreateNamespace."""
    wanted = {"prune": True, "selfHeal": True} if automated is None else automated
    return {"automated": wanted, "syncOptions": ["CreateNamespace=true", *options], **more}


def source(loop: Loop, **more: Any) -> dict[str, Any]:
    return {"repoURL": loop.origin.url, "path": "manifests", "targetRevision": "main", **more}


async def is_absent(loop: Loop, kind: Kind, name: str) -> bool:
    try:
        await loop.api.get(kind, name, loop.name)
    except NotFoundError:
        return True
    return False


async def test_a_failed_sync_is_tried_again_as_often_and_as_slowly_as_is_asked(
    shared: Loop, tmp_path: Path
) -> None:
    loop = shared.tenant(tmp_path, "retry")
    bad = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bad"}, "nonsense": 1}
    loop.origin.push({"bad.yaml": bad})
    backoff = {"duration": "100ms", "factor": 2, "maxDuration": "250ms"}
    heard: list[str] = []

    async def listen() -> dict[str, Any] | None:
        state = ((await loop.app()).get("status") or {}).get("operationState") or {}
        if state.get("message") and state["message"] not in heard:
            heard.append(state["message"])
        return state if state.get("phase") == "Failed" else None

    await loop.apply(loop.application(syncPolicy=policy(retry={"limit": 3, "backoff": backoff})))
    state = await eventually(listen, what="the end of all attempts")
    assert state["retryCount"] == 3
    assert state["message"].endswith("(retried 3 times).")
    told = " ".join(heard)
    for number, delay in ((1, "0.1"), (2, "0.2"), (3, "0.25")):
        # A look may come too late for one of the short waits; what was seen must be right.
        assert f"attempt #{number}" not in told or f"attempt #{number} in {delay} s" in told
    assert "in 0.25 s" in told or "in 0.2 s" in told or "in 0.1 s" in told
    message = await loop.condition("SyncError")
    assert message.startswith("Failed last sync attempt")


async def test_a_newer_commit_supersedes_a_sync_that_waits(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "supersede")
    stuck = {"a.yaml": deployment("stuck"), "b.yaml": config_map("one") | _wave("1")}
    first = loop.origin.push(stuck)
    await loop.apply(loop.application(syncPolicy=policy(options=("PrunePropagationPolicy=background",))))
    await loop.operation("Running", "waiting for healthy state of apps/Deployment/stuck")
    assert await loop.config() is None
    second = await loop.announce({"b.yaml": config_map("two")}, remove=("a.yaml",))
    status = await loop.status("Synced", revision=second)
    assert await loop.config() == {"value": "two"}
    assert await is_absent(loop, DEPLOYMENTS, "stuck")
    assert [entry["revision"] for entry in status["history"]] == [second]
    assert first != second

    async def told() -> set[str]:
        found = await loop.cluster.ok(
            "get", "events", "-n", "argocd", "-o", "jsonpath={.items[*].reason}",
            "--field-selector", f"involvedObject.name={loop.name}",
        )  # fmt: skip
        return set(found.split())

    # It is no failure that anybody would have to look at.
    expected = {"OperationStarted", "OperationSuperseded", "OperationCompleted"}

    async def is_told() -> bool:
        return await told() == expected

    await eventually(is_told, what="the Events of the sync")


async def test_hooks_run_around_the_sync_and_one_for_its_failure(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "hooks")
    hooks = {
        "pre.yaml": job("pre", "PreSync"),
        "post.yaml": job("post", "PostSync", hook_delete_policy="HookSucceeded"),
        "fail.yaml": job("fail", "SyncFail"),
    }
    loop.origin.push({**hooks, "settings.yaml": config_map("one")})
    await loop.apply(loop.application(syncPolicy=policy(retry={"limit": 0})))
    await loop.operation("Running", "waiting for completion of hook batch/Job/pre")
    assert await loop.config() is None
    first = await loop.end_job("pre")
    await loop.operation("Running", "waiting for completion of hook batch/Job/post")
    assert await loop.config() == {"value": "one"}
    await loop.end_job("post")
    await loop.status("Synced")
    await eventually(lambda: is_absent(loop, JOBS, "post"), what="the hook that succeeded deleted")
    assert await is_absent(loop, JOBS, "fail")

    await loop.announce({"settings.yaml": config_map("two")})

    async def is_anew() -> bool:
        return str((await loop.api.get(JOBS, "pre", loop.name))["metadata"]["uid"]) != first

    await eventually(is_anew, what="the hook created anew")
    await loop.end_job("pre", succeeded=False)
    await loop.end_job("fail")
    state = await loop.operation("Failed")
    assert "as told" in state["message"]
    assert await loop.config() == {"value": "one"}
    assert await is_absent(loop, JOBS, "post")


async def test_pruning_comes_last_when_that_is_asked(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "prunelast")
    loop.origin.push({"old.yaml": config_map("old", name="old")})
    options = ("PruneLast=true", "PrunePropagationPolicy=background")
    await loop.apply(loop.application(syncPolicy=policy(options=options)))
    await loop.status("Synced")
    revision = await loop.announce({"new.yaml": deployment("new")}, remove=("old.yaml",))
    await loop.operation("Running", "waiting for healthy state of apps/Deployment/new")
    assert await loop.config("old") == {"value": "old"}
    await loop.set_status(DEPLOYMENTS, "new", HEALTHY)
    await loop.status("Synced", revision=revision)
    assert await loop.config("old") is None


async def test_a_kustomization_is_built_and_its_fault_is_told(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "kustomize")
    base = {"resources": ["settings.yaml"]}
    overlay = {"resources": ["../base"], "namePrefix": "prod-", "labels": [{"pairs": {"tier": "one"}}]}
    files = {
        "base/settings.yaml": config_map("one"),
        "base/kustomization.yaml": base,
        "prod/kustomization.yaml": overlay,
    }
    loop.origin.push(files)
    await loop.apply(loop.application(source=source(loop, path="manifests/prod")))
    status = await loop.status("Synced")
    assert status["sourceType"] == "Kustomize"
    assert await loop.config("prod-settings") == {"value": "one"}
    await loop.announce({"prod/kustomization.yaml": {"resources": ["../gone"]}})
    message = await loop.condition("ComparisonError")
    assert "manifests/prod" in message
    assert "gone" in message
    assert await loop.config("prod-settings") == {"value": "one"}


async def test_a_private_repository_is_read_over_https_with_the_secret_that_argo_cd_keeps(
    shared: Loop, tmp_path: Path
) -> None:
    loop = shared.tenant(tmp_path, "https")
    revision = loop.origin.push({"settings.yaml": config_map("one")})
    with git_server(tmp_path / "server", tmp_path / "https") as server:
        url = f"{server.url}/origin.git"
        await loop.apply(loop.application(source=source(loop, repoURL=url)))
        assert "into the ConfigMap argocd-tls-certs-cm" in await loop.condition("ComparisonError")
        certificates = {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "argocd-tls-certs-cm", "namespace": "argocd"},
            "data": {"127.0.0.1": server.certificate},
        }  # fmt: skip
        await loop.apply(certificates, CONFIG_MAPS)

        async def wants_a_password() -> bool:
            return "put username and password into a Secret" in await loop.condition("ComparisonError")

        await eventually(wants_a_password, what="the refusal")
        fields = {"url": url, "username": server.username, "password": server.password}
        secret = {
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "private", "namespace": "argocd",
                "labels": {"argocd.argoproj.io/secret-type": "repository"},
            },
            "data": {name: base64.b64encode(text.encode()).decode() for name, text in fields.items()},
        }  # fmt: skip
        await loop.apply(secret, SECRETS)
        status = await loop.status("Synced", revision=revision, within_s=40)
        assert not status.get("conditions")
        assert server.password not in str(await loop.app())


async def test_drift_is_told_and_left_without_self_heal(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "drift")
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application(syncPolicy=policy(automated={"prune": True, "selfHeal": False})))
    await loop.status("Synced")
    await loop.api.merge(CONFIG_MAPS, "settings", loop.name, {"data": {"value": "drifted"}})
    await loop.status("OutOfSync")
    assert await loop.config() == {"value": "drifted"}
    await loop.apply(loop.application(syncPolicy=policy()))
    await loop.status("Synced")
    assert await loop.config() == {"value": "one"}


async def test_include_exclude_and_recurse_choose_the_files(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "choose")
    names = ("a", "b", "sub/c", "sub/skipped")
    loop.origin.push({f"{name}.yaml": config_map("x", name=name.rpartition("/")[2]) for name in names})
    directory = {"recurse": True, "include": "{a.yaml,sub/*.yaml}", "exclude": "sub/skip*"}
    await loop.apply(loop.application(source=source(loop, directory=directory)))
    status = await loop.status("Synced")
    assert [entry["name"] for entry in status["resources"]] == ["a", "c"]


async def test_ignored_differences_stay_and_others_are_healed(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "ignore")
    data = dict.fromkeys(("pointer", "query", "owned", "ours"), "git")
    loop.origin.push({"settings.yaml": config_map("x") | {"data": data}})
    rules = [
        {"group": "", "kind": "ConfigMap", "jsonPointers": ["/data/pointer"]},
        {"group": "", "kind": "ConfigMap", "jqPathExpressions": [".data.query"]},
        {"group": "", "kind": "ConfigMap", "managedFieldsManagers": ["tuner"]},
    ]
    options = ("RespectIgnoreDifferences=true",)
    await loop.apply(loop.application(ignoreDifferences=rules, syncPolicy=policy(options=options)))
    await loop.status("Synced")
    tuned = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": loop.name},
        "data": {"owned": "live"},
    }  # fmt: skip
    await loop.api.apply(CONFIG_MAPS, tuned, field_manager="tuner")
    drifted = {"data": {"pointer": "live", "query": "live", "ours": "live"}}
    await loop.api.merge(CONFIG_MAPS, "settings", loop.name, drifted)

    async def is_healed() -> bool:
        found = await loop.config() or {}
        return found.get("ours") == "git"

    await eventually(is_healed, what="the field that is ours healed")
    assert await loop.config() == {"pointer": "live", "query": "live", "owned": "live", "ours": "git"}
    await loop.status("Synced")


async def test_an_object_of_a_kind_to_come_waits_for_its_definition(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "missingkind")
    widget = {
        "apiVersion": "example.org/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"size": 1},
    }
    loop.origin.push(
        {
            "settings.yaml": config_map("one"),
            "widget.yaml": {**widget, "metadata": {**_wave("1")["metadata"], "name": "w"}},
        }
    )
    again = {"limit": -1, "backoff": {"duration": "1s", "maxDuration": "1s"}}
    options = ("SkipDryRunOnMissingResource=true",)
    await loop.apply(loop.application(syncPolicy=policy(options=options, retry=again)))
    await loop.operation("Running", "the cluster has no kind example.org/v1 Widget")
    assert await loop.config() == {"value": "one"}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }  # fmt: skip
    kind = Kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
    )
    await loop.apply(definition, kind)
    await loop.status("Synced", within_s=40)


async def test_two_applications_over_one_object_are_told_and_one_may_refuse(
    shared: Loop, tmp_path: Path
) -> None:
    one, two = shared.tenant(tmp_path, "shared-one"), shared.tenant(tmp_path, "shared-two")
    mine = config_map("one")
    mine["metadata"]["namespace"] = one.name
    one.origin.push({"settings.yaml": mine})
    await one.apply(one.application())
    await one.status("Synced")
    two.origin.push({"settings.yaml": mine | {"data": {"value": "two"}}})
    options = ("FailOnSharedResource=true",)
    await two.apply(two.application(syncPolicy=policy(options=options, retry={"limit": 0})))
    state = await two.operation("Failed")
    assert "ConfigMap/settings is part of applications argocd/shared-two and shared-one" in state["message"]
    assert "part of applications" in await two.condition("SharedResourceWarning")
    assert await one.config() == {"value": "one"}


async def test_a_missing_path_and_a_missing_branch_are_told_and_recovered_from(
    shared: Loop, tmp_path: Path
) -> None:
    loop = shared.tenant(tmp_path, "places")
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application(source=source(loop, targetRevision="release")))
    assert "no revision 'release'" in await loop.condition("ComparisonError")
    loop.origin.git("push", "-q", "origin", "main:release")
    await loop.refresh()
    await loop.status("Synced")
    (loop.origin.checkout / "manifests").rename(loop.origin.checkout / "elsewhere")
    loop.origin.git("add", "-A")
    loop.origin.git("commit", "-q", "-m", "move")
    loop.origin.git("push", "-q", "origin", "main:release")
    await loop.refresh()
    assert "app path does not exist" in await loop.condition("ComparisonError")
    await loop.api.delete(CONFIG_MAPS, "settings", loop.name)

    async def is_healed() -> bool:
        return await loop.config() == {"value": "one"}

    await eventually(is_healed, what="the last good state healed without its path")
    (loop.origin.checkout / "elsewhere").rename(loop.origin.checkout / "manifests")
    loop.origin.git("add", "-A")
    loop.origin.git("commit", "-q", "-m", "move back")
    loop.origin.git("push", "-q", "origin", "main:release")
    await loop.refresh()
    status = await loop.status("Synced")
    assert not status.get("conditions")


async def test_an_instruction_that_cannot_be_followed_leaves_the_last_good_state_healed(
    shared: Loop, tmp_path: Path
) -> None:
    loop = shared.tenant(tmp_path, "instruct")
    loop.origin.push({"settings.yaml": config_map("one")})
    await loop.apply(loop.application())
    await loop.status("Synced")
    await loop.announce({"settings.yaml": config_map("two", argocd__sync="x") | _wave("soon")})
    assert "must be a whole number" in await loop.condition("ComparisonError")
    await loop.api.delete(CONFIG_MAPS, "settings", loop.name)

    async def is_healed() -> bool:
        return await loop.config() == {"value": "one"}

    await eventually(is_healed, what="the last good state healed")


async def test_a_bad_annotation_of_the_guard_is_told(shared: Loop, tmp_path: Path) -> None:
    loop = shared.tenant(tmp_path, "annotated")
    loop.origin.push({"settings.yaml": config_map("one")})
    app = loop.application()
    app["metadata"]["annotations"] = {"guard.autostack.dev/max-p95": "fast"}
    await loop.apply(app)
    await loop.status("Synced")
    message = await loop.condition("ReleaseGuardWarning")
    assert message.startswith("annotation guard.autostack.dev/max-p95 (")
    assert "'fast' is not a duration" in message
    assert message.endswith("its default 500ms holds")
    body = {"metadata": {"annotations": {"guard.autostack.dev/max-p95": None}}}
    await loop.api.merge(APPLICATIONS, loop.name, "argocd", body)

    async def is_gone() -> bool:
        return not (await loop.app())["status"].get("conditions")

    await eventually(is_gone, what="the condition gone")


async def test_a_first_release_that_is_slow_to_start_is_told_and_kept_once_it_is_well(
    shared: Loop, tmp_path: Path
) -> None:
    loop = shared.tenant(tmp_path, "first")
    digest = "c" * 64
    image = f"ghcr.io/auto-stack/worker-node:v0.1@sha256:{digest}"
    bump = loop.origin.push(
        {"worker.yaml": deployment("worker-node", image)},
        f"Release\n\nAutostack-Bump: worker-node v0.1 sha256:{digest}\n",
    )
    app = loop.application()
    app["metadata"]["annotations"] = {
        "guard.autostack.dev/ready-within": "100ms",
        "guard.autostack.dev/window": "100ms",
    }
    await loop.apply(app)
    assert "not reverted: no earlier release was deployed here" in await loop.condition("ReleaseGuardWarning")
    await loop.set_status(DEPLOYMENTS, "worker-node", HEALTHY)

    async def is_kept() -> bool:
        found = await loop.app()
        kept = found["metadata"]["annotations"].get("autostack.dev/releases-kept", "")
        return bump in kept and not found["status"].get("conditions")

    await eventually(is_kept, what="the release kept")
    assert loop.origin.git("ls-remote", "origin", "main").split()[0] == bump


def _wave(wave: str) -> dict[str, Any]:
    return {"metadata": {"name": "settings", "annotations": {"argocd.argoproj.io/sync-wave": wave}}}
