"""Deployments against the real API server: they roll, stop, resume, roll back and tell the truth about it."""

from __future__ import annotations

from typing import Any

from autostack.pocket.controllers.kinds import DEPLOYMENT, POD, REPLICA_SET
from autostack.pocket.controllers.meta import annotations_of, condition, labels_of

from .conftest import World, pod_template, workload


def is_complete(deployment: dict[str, Any]) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    return (
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


async def test_a_new_deployment_becomes_available_through_a_hash_named_replica_set(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 3))
    deployment = await world.until(DEPLOYMENT, "web", is_complete)
    assert condition(deployment, "Available")["reason"] == "MinimumReplicasAvailable"  # type: ignore[index]
    progressing = condition(deployment, "Progressing")
    assert progressing is not None
    assert progressing["reason"] == "NewReplicaSetAvailable"
    (replica_set,) = await world.all(REPLICA_SET)
    code = labels_of(replica_set)["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{code}"
    pods = await world.all(POD)
    assert len(pods) == 3
    assert {labels_of(pod)["pod-template-hash"] for pod in pods} == {code}
    await world.until_event("web", "ScalingReplicaSet")


async def test_a_new_image_replaces_all_pods_and_keeps_the_old_replica_set(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 3))
    await world.until(DEPLOYMENT, "web", is_complete)
    await world.patch(DEPLOYMENT, "web", {"spec": {"template": pod_template("web", "busybox:2")}})
    deployment = await world.until(DEPLOYMENT, "web", is_complete)
    assert annotations_of(deployment)["deployment.kubernetes.io/revision"] == "2"
    sizes = {annotations_of(one)["deployment.kubernetes.io/revision"]: one["spec"]["replicas"]
             for one in await world.all(REPLICA_SET)}  # fmt: skip
    assert sizes == {"1": 0, "2": 3}
    pods = await world.until_count(POD, 3)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"busybox:2"}


async def test_an_earlier_template_brings_its_replica_set_back_as_the_newest_revision(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 1))
    await world.until(DEPLOYMENT, "web", is_complete)
    for image in ("busybox:2", "busybox:1"):
        await world.patch(DEPLOYMENT, "web", {"spec": {"template": pod_template("web", image)}})
        await world.until(DEPLOYMENT, "web", is_complete)
    found = {
        annotations_of(one)["deployment.kubernetes.io/revision"]: one for one in await world.all(REPLICA_SET)
    }
    assert set(found) == {"2", "3"}
    assert annotations_of(found["3"])["deployment.kubernetes.io/revision-history"] == "1"


async def test_a_broken_rollout_stops_keeps_the_old_pods_and_exceeds_its_deadline(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 4, progressDeadlineSeconds=2))
    await world.until(DEPLOYMENT, "web", is_complete)
    broken = pod_template("web", "busybox:2", **{"test/ready": "false"})
    await world.patch(DEPLOYMENT, "web", {"spec": {"template": broken}})

    def timed_out(deployment: dict[str, Any]) -> bool:
        progressing = condition(deployment, "Progressing")
        return progressing is not None and progressing["reason"] == "ProgressDeadlineExceeded"

    deployment = await world.until(DEPLOYMENT, "web", timed_out)
    assert deployment["status"]["availableReplicas"] == 3  # maxUnavailable 25 % of 4
    assert deployment["status"]["updatedReplicas"] == 2  # surge 1, and the one that was given up


async def test_a_paused_deployment_scales_but_does_not_roll(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 2))
    await world.until(DEPLOYMENT, "web", is_complete)
    paused = {"paused": True, "replicas": 3, "template": pod_template("web", "busybox:2")}
    await world.patch(DEPLOYMENT, "web", {"spec": paused})
    await world.until_count(POD, 3)
    assert len(await world.all(REPLICA_SET)) == 1
    await world.patch(DEPLOYMENT, "web", {"spec": {"paused": False}})
    await world.until(DEPLOYMENT, "web", is_complete)
    assert len(await world.all(REPLICA_SET)) == 2


async def test_recreate_never_runs_two_templates_at_once(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 2, strategy={"type": "Recreate"}))
    await world.until(DEPLOYMENT, "web", is_complete)
    version = (await world.client.list(POD.resource)).resource_version
    await world.patch(DEPLOYMENT, "web", {"spec": {"template": pod_template("web", "busybox:2")}})
    await world.until(DEPLOYMENT, "web", is_complete)
    present = {pod["metadata"]["name"]: "busybox:1" for pod in []}
    alive: dict[str, str] = dict(present)
    updated = 0
    async for event in world.client.watch(POD.resource, resource_version=version):
        name = event.object["metadata"]["name"]
        image = event.object["spec"]["containers"][0]["image"]
        if event.type == "DELETED":
            alive.pop(name, None)
        else:
            alive[name] = image
        assert len(set(alive.values())) <= 1
        updated += event.type == "ADDED"
        if updated == 2:
            break


async def test_only_so_many_old_replica_sets_are_kept(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 1, revisionHistoryLimit=1))
    await world.until(DEPLOYMENT, "web", is_complete)
    for number in (2, 3, 4):
        await world.patch(DEPLOYMENT, "web", {"spec": {"template": pod_template("web", f"busybox:{number}")}})
        await world.until(DEPLOYMENT, "web", is_complete)
    await world.until_count(REPLICA_SET, 2)


async def test_a_deleted_pod_is_replaced_and_deletion_of_the_deployment_takes_everything(
    world: World,
) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 2))
    await world.until(DEPLOYMENT, "web", is_complete)
    victim = (await world.all(POD))[0]
    await world.client.delete(POD.resource, victim["metadata"]["name"], "default")
    pods = await world.until_count(
        POD, 2, holds=lambda pod: pod["metadata"]["uid"] != victim["metadata"]["uid"]
    )
    assert len(pods) == 2
    await world.client.delete(DEPLOYMENT.resource, "web", "default", propagation="Foreground")
    await world.until_gone(DEPLOYMENT, "web")
    assert await world.all(POD) == []
    assert await world.all(REPLICA_SET) == []
