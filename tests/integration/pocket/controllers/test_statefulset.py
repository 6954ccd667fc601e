"""StatefulSets: order, identity, storage that stays, partitions and rollback."""

from __future__ import annotations

from typing import Any

from autostack.pocket.controllers.kinds import (
    CLAIM,
    CONTROLLER_REVISION,
    POD,
    STATEFUL_SET,
    STORAGE_CLASS,
    VOLUME,
)
from autostack.pocket.controllers.meta import is_controlled_by, name_of

from .conftest import World, pod_template, workload

CLAIM_TEMPLATE = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def stateful(replicas: int = 3, **extra: Any) -> dict[str, Any]:
    return {**workload("db", replicas), "serviceName": "db", **extra}


async def with_storage_class(world: World) -> None:
    await world.create(
        STORAGE_CLASS,
        "local-path",
        metadata={"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        provisioner="rancher.io/local-path",
        volumeBindingMode="WaitForFirstConsumer",
        reclaimPolicy="Delete",
    )


def is_ready(count: int) -> Any:
    return lambda obj: (obj.get("status") or {}).get("availableReplicas") == count


def images(pods: list[dict[str, Any]]) -> dict[str, str]:
    return {name_of(pod): pod["spec"]["containers"][0]["image"] for pod in pods}


async def test_pods_come_in_order_each_when_the_one_before_is_ready(world: World) -> None:
    version = (await world.client.list(POD.resource)).resource_version
    await world.create(STATEFUL_SET, "db", stateful(3))
    ready: set[str] = set()
    seen: list[str] = []
    async for event in world.client.watch(POD.resource, resource_version=version):
        name = name_of(event.object)
        if event.type == "ADDED":
            assert ready == {f"db-{number}" for number in range(len(seen))}
            seen.append(name)
        if any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in event.object["status"].get("conditions", [])
        ):
            ready.add(name)
        if len(ready) == 3:
            break
    assert seen == ["db-0", "db-1", "db-2"]
    pod = await world.get(POD, "db-1")
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-1", "db")


async def test_an_unready_pod_holds_back_the_next_one(world: World) -> None:
    await world.create(
        STATEFUL_SET, "db", {**stateful(2), "template": pod_template("db", **{"test/ready": "false"})}
    )
    await world.until(POD, "db-0", lambda pod: pod["status"].get("phase") == "Running")
    await world.until(STATEFUL_SET, "db", lambda one: one.get("status", {}).get("replicas") == 1)
    assert [name_of(pod) for pod in await world.all(POD)] == ["db-0"]


async def test_parallel_does_not_wait(world: World) -> None:
    template = pod_template("db", **{"test/ready": "false"})
    await world.create(
        STATEFUL_SET, "db", {**stateful(3, podManagementPolicy="Parallel"), "template": template}
    )
    await world.until_count(POD, 3)


async def test_claims_are_made_bound_and_survive_pod_and_set(world: World) -> None:
    await with_storage_class(world)
    await world.create(STATEFUL_SET, "db", stateful(2, volumeClaimTemplates=[CLAIM_TEMPLATE]))
    await world.until(STATEFUL_SET, "db", is_ready(2))
    claim = await world.get(CLAIM, "data-db-1")
    assert claim["status"]["phase"] == "Bound"
    volume = await world.get(VOLUME, claim["spec"]["volumeName"])
    folder = volume["spec"]["hostPath"]["path"]
    assert folder.startswith(str(world.volumes))
    await world.client.delete(POD.resource, "db-1", "default")
    await world.until(STATEFUL_SET, "db", is_ready(2))
    assert (await world.get(CLAIM, "data-db-1"))["metadata"]["uid"] == claim["metadata"]["uid"]
    await world.client.delete(STATEFUL_SET.resource, "db", "default")
    await world.until_count(POD, 0)
    assert {name_of(one) for one in await world.all(CLAIM)} == {"data-db-0", "data-db-1"}


async def test_retention_policy_delete_removes_claims_and_their_folders(world: World) -> None:
    await with_storage_class(world)
    policy = {"whenScaled": "Delete", "whenDeleted": "Delete"}
    spec = stateful(2, volumeClaimTemplates=[CLAIM_TEMPLATE], persistentVolumeClaimRetentionPolicy=policy)
    stateful_set = await world.create(STATEFUL_SET, "db", spec)
    await world.until(STATEFUL_SET, "db", is_ready(2))
    assert is_controlled_by(await world.get(CLAIM, "data-db-0"), stateful_set)
    await world.patch(STATEFUL_SET, "db", {"spec": {"replicas": 1}})
    await world.until_gone(CLAIM, "data-db-1")
    await world.client.delete(STATEFUL_SET.resource, "db", "default")
    await world.until_count(CLAIM, 0)
    await world.until_count(VOLUME, 0)
    assert list(world.volumes.iterdir()) == []


async def test_an_update_goes_downwards_and_stops_at_the_partition(world: World) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    await world.create(STATEFUL_SET, "db", stateful(3, updateStrategy=strategy))
    await world.until(STATEFUL_SET, "db", is_ready(3))
    await world.patch(STATEFUL_SET, "db", {"spec": {"template": pod_template("db", "busybox:2")}})
    await world.until(
        STATEFUL_SET, "db", lambda one: one["status"].get("updatedReplicas") == 1 and is_ready(3)(one)
    )
    assert images(await world.all(POD)) == {"db-0": "busybox:1", "db-1": "busybox:1", "db-2": "busybox:2"}
    await world.client.delete(POD.resource, "db-0", "default")
    await world.until(POD, "db-0", lambda pod: not pod["metadata"].get("deletionTimestamp"))
    assert images(await world.all(POD))["db-0"] == "busybox:1"
    await world.patch(STATEFUL_SET, "db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})

    def complete(one: dict[str, Any]) -> bool:
        status = one["status"]
        return status["currentRevision"] == status["updateRevision"] and status["updatedReplicas"] == 3

    await world.until(STATEFUL_SET, "db", complete)
    assert set(images(await world.all(POD)).values()) == {"busybox:2"}


async def test_an_earlier_template_reuses_its_revision_with_a_new_number(world: World) -> None:
    await world.create(STATEFUL_SET, "db", stateful(1))
    await world.until(STATEFUL_SET, "db", is_ready(1))
    first = (await world.get(STATEFUL_SET, "db"))["status"]["currentRevision"]
    for image in ("busybox:2", "busybox:1"):
        await world.patch(STATEFUL_SET, "db", {"spec": {"template": pod_template("db", image)}})
        await world.until(
            STATEFUL_SET,
            "db",
            lambda one: (
                one["status"]["observedGeneration"] == one["metadata"]["generation"]
                and one["status"]["currentRevision"] == one["status"]["updateRevision"]
                and one["status"].get("availableReplicas") == 1
            ),
        )
    revisions = {name_of(one): one["revision"] for one in await world.all(CONTROLLER_REVISION)}
    assert len(revisions) == 2
    assert revisions[first] == 3
