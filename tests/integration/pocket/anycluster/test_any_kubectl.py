"""What kubectl does that needs more of a cluster than one object: it must say and leave the same anywhere."""

from __future__ import annotations

import json
from typing import Any

from .conftest import AnyCluster
from .manifests import condition, pod, pod_spec, workload

CAUSE = "kubernetes.io/change-cause"


def config(name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app": "pruned"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def as_list(*objects: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


async def test_apply_prunes_what_is_no_longer_stated_and_diff_tells_before(cluster: AnyCluster) -> None:
    one, two = config("one", a="1", b="2"), config("two", a="1")
    await cluster.ok("apply", "-f", "-", stdin=as_list(one, two))
    assert "configmap/two unchanged" in await cluster.ok("apply", "-f", "-", stdin=as_list(two))
    changed = config("two", a="7")
    shown = await cluster.kubectl("diff", "-f", "-", stdin=as_list(changed))
    assert shown.code == 1
    assert '-  a: "1"' in shown.out
    assert '+  a: "7"' in shown.out
    pruned = await cluster.ok("apply", "--prune", "-l", "app=pruned", "-f", "-", stdin=as_list(changed))
    assert "configmap/one pruned" in pruned
    assert [found["data"] for found in await cluster.read("configmaps", "-l", "app=pruned")] == [{"a": "7"}]


async def test_a_field_is_taken_from_its_manager_by_force_only(cluster: AnyCluster) -> None:
    def apply(manager: str, *more: str) -> tuple[str, ...]:
        return ("apply", "--server-side", f"--field-manager={manager}", *more, "-f", "-")

    await cluster.ok(*apply("one"), stdin=as_list(config("c", a="1", b="1")))
    refused = await cluster.kubectl(*apply("two"), stdin=as_list(config("c", a="2", b="2")))
    for line in ('Apply failed with 2 conflicts: conflicts with "one":', "- .data.a", "- .data.b"):
        assert line in refused.err
    await cluster.ok(*apply("two", "--force-conflicts"), stdin=as_list(config("c", a="2")))
    single = await cluster.kubectl(*apply("one"), stdin=as_list(config("c", a="1", b="1")))
    assert 'Apply failed with 1 conflict: conflict with "two": .data.a' in single.err
    await cluster.ok(*apply("one"), stdin=as_list(config("c")))
    assert (await cluster.read("configmap", "c"))["data"] == {"a": "2"}
    unknown = {**config("c"), "dota": {}}
    refused = await cluster.kubectl(*apply("two", "--validate=false"), stdin=as_list(unknown))
    assert "failed to create typed patch object" in refused.err
    assert ".dota: field not declared in schema" in refused.err


async def test_patches_of_every_type_are_applied_or_refused(cluster: AnyCluster) -> None:
    two = {
        "containers": [{"name": name, "image": "x", "env": [{"name": "A", "value": "1"}]} for name in "ab"]
    }
    await cluster.apply(workload("Deployment", "web", 0, pod=two))

    async def patch(kind: str, patch: Any) -> Any:
        return await cluster.kubectl("patch", "deploy", "web", f"--type={kind}", "-p", json.dumps(patch))

    def template(spec: dict[str, Any]) -> dict[str, Any]:
        return {"spec": {"template": {"spec": spec}}}

    dropped = {
        "containers": [{"name": "a", "env": [{"name": "A", "$patch": "delete"}]}, {"name": "c", "image": "y"}]
    }
    for kind, change in (
        ("strategic", template(dropped)),
        ("json", [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "z"}]),
        ("merge", {"metadata": {"labels": {"x": "y"}}, "spec": {"revisionHistoryLimit": None}}),
    ):
        assert (await patch(kind, change)).code == 0
    found = await cluster.read("deploy", "web")
    images = {
        one["name"]: (one["image"], "env" in one) for one in found["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"a": ("z", False), "b": ("x", True), "c": ("y", False)}
    assert (found["metadata"]["labels"], found["spec"]["revisionHistoryLimit"]) == ({"x": "y"}, 10)
    for kind, change, said in (
        (
            "strategic",
            template({"containers": [{"image": "q"}]}),
            "does not contain declared merge key: name",
        ),
        ("json", [{"op": "test", "path": "/spec/replicas", "value": 9}], "The request is invalid"),
        ("json", [{"op": "remove", "path": "/spec/nosuch"}], "The request is invalid"),
        ("merge", {"spec": {"replicas": "many"}}, "The request is invalid: patch: Invalid value"),
        ("merge", {"metadata": {"name": "other"}}, "the name of the object (other) does not match"),
    ):
        refused = await patch(kind, change)
        assert (refused.code, said in refused.err) == (1, True), refused.err


async def test_a_paused_deployment_waits_and_a_revision_can_be_seen_and_taken_back(
    cluster: AnyCluster,
) -> None:
    first = workload("Deployment", "web", 1, pod=pod_spec(env=[{"name": "A", "value": "1"}]))
    first["metadata"]["annotations"] = {CAUSE: "first"}
    await cluster.apply(first)
    await cluster.ok("rollout", "status", "deploy/web", "--timeout=110s")
    await cluster.ok("rollout", "pause", "deploy/web")
    twice = await cluster.kubectl("rollout", "pause", "deploy/web")
    assert 'deployments.apps "web" is already paused' in twice.err
    await cluster.ok("set", "env", "deploy/web", "A=2")
    held = await cluster.until(
        "deploy",
        "web",
        holds=lambda found: condition(found, "Progressing").get("reason") == "DeploymentPaused",
    )
    assert "updatedReplicas" not in held["status"]
    await cluster.ok("annotate", "deploy", "web", f"{CAUSE}=second", "--overwrite")
    await cluster.ok("rollout", "resume", "deploy/web")
    await cluster.ok("rollout", "status", "deploy/web", "--timeout=110s")
    history = await cluster.ok("rollout", "history", "deploy/web")
    assert [line.split() for line in history.splitlines()[2:] if line] == [["1", "first"], ["2", "second"]]
    assert "A:\t1" in await cluster.ok("rollout", "history", "deploy/web", "--revision=1")
    missing = await cluster.kubectl("rollout", "undo", "deploy/web", "--to-revision=9")
    assert "unable to find specified revision 9 in history" in missing.err


async def test_a_full_budget_and_a_gated_pod_say_so(cluster: AnyCluster) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}},
    }
    gated = pod("gated", spec={"schedulingGates": [{"name": "example.com/later"}]})
    await cluster.apply(workload("ReplicaSet", "web"), budget, gated)
    found = await cluster.until("pdb", "web", holds=lambda one: one["status"].get("currentHealthy") == 1)
    wanted = {"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1}
    assert {key: found["status"][key] for key in wanted} == wanted
    assert condition(found, "DisruptionAllowed")["reason"] == "InsufficientPods"
    table = await cluster.ok("get", "pdb,pods")
    assert "MIN AVAILABLE   MAX UNAVAILABLE   ALLOWED DISRUPTIONS" in table
    assert "SchedulingGated" in table
