"""Scheduling, DaemonSets, endpoints, budgets and autoscaling, as the API shows them."""

from __future__ import annotations

from typing import Any

import pytest

from autostack.pocket.controllers.kinds import (
    AUTOSCALER,
    CLAIM,
    DAEMON_SET,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    ENDPOINT_SLICE,
    ENDPOINTS,
    NODE,
    POD,
    SERVICE,
    VOLUME,
)
from autostack.pocket.controllers.meta import condition, name_of
from autostack.pocket.errors import ApiError

from .conftest import World, pod_template, workload


def pod_spec(**extra: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "busybox:1"}], **extra}


def unschedulable(text: str) -> Any:
    def holds(pod: dict[str, Any]) -> bool:
        found = condition(pod, "PodScheduled")
        return found is not None and found["status"] == "False" and text in found["message"]

    return holds


async def test_a_pod_that_fits_nowhere_stays_pending_and_says_why(world: World) -> None:
    big = {"name": "main", "image": "busybox:1", "resources": {"requests": {"memory": "64Gi"}}}
    await world.create(POD, "big", {"containers": [big]})
    await world.until(POD, "big", unschedulable("0/1 nodes are available: 1 Insufficient memory."))
    event = await world.until_event("big", "FailedScheduling")
    assert event["type"] == "Warning"


async def test_room_that_becomes_free_goes_to_the_waiting_pod(world: World) -> None:
    half = {"name": "main", "image": "busybox:1", "resources": {"requests": {"cpu": "3"}}}
    await world.create(POD, "first", {"containers": [half]})
    await world.until(POD, "first", lambda pod: pod["spec"].get("nodeName"))
    await world.create(POD, "second", {"containers": [half]})
    await world.until(POD, "second", unschedulable("Insufficient cpu"))
    await world.client.delete(POD.resource, "first", "default")
    await world.until(POD, "second", lambda pod: pod["spec"].get("nodeName"))


async def test_a_cordoned_node_takes_no_pod_until_it_is_uncordoned(world: World) -> None:
    await world.until(NODE, "node", bool)
    await world.patch(NODE, "node", {"spec": {"unschedulable": True}})
    await world.create(POD, "late", pod_spec())
    await world.until(POD, "late", unschedulable("node(s) were unschedulable"))
    await world.patch(NODE, "node", {"spec": {"unschedulable": None}})
    await world.until(POD, "late", lambda pod: pod["spec"].get("nodeName"))


async def test_a_gated_pod_waits_for_its_gates(world: World) -> None:
    await world.create(POD, "gated", pod_spec(schedulingGates=[{"name": "example.org/wait"}]))
    await world.until(POD, "gated", unschedulable("scheduling gates"))
    await world.patch(POD, "gated", {"spec": {"schedulingGates": []}})
    await world.until(POD, "gated", lambda pod: pod["spec"].get("nodeName"))


async def test_a_pod_with_a_missing_claim_says_so_and_a_claim_without_a_class_too(world: World) -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    await world.create(POD, "reader", pod_spec(volumes=[volume]))
    await world.until(POD, "reader", unschedulable('persistentvolumeclaim "data" not found'))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await world.create(CLAIM, "data", claim)
    await world.until_event("data", "FailedBinding")


async def test_a_claim_that_is_being_deleted_takes_no_more_pods(world: World) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    held = {"finalizers": ["example.org/hold"]}
    await world.create(CLAIM, "data", {**claim, "storageClassName": ""}, metadata=held)
    await world.client.delete(CLAIM.resource, "data", "default")
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    await world.create(POD, "reader", pod_spec(volumes=[volume]))
    await world.until(POD, "reader", unschedulable('persistentvolumeclaim "data" is being deleted'))


async def test_a_volume_of_another_machine_keeps_its_pod_from_this_one(world: World) -> None:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["other"]}]}
    size = {"storage": "1Gi"}
    modes = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    await world.create(
        VOLUME,
        "there",
        {
            **modes,
            "capacity": size,
            "hostPath": {"path": "/tmp/there"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
    )
    await world.create(CLAIM, "data", {**modes, "resources": {"requests": size}})
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    await world.create(POD, "reader", pod_spec(volumes=[volume]))
    text = "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity."
    await world.until(POD, "reader", unschedulable(text))


async def test_a_daemon_set_has_one_pod_a_node_and_follows_its_template(world: World) -> None:
    spec = workload("agent")
    del spec["replicas"]
    await world.create(DAEMON_SET, "agent", spec)
    await world.until(DAEMON_SET, "agent", lambda one: (one.get("status") or {}).get("numberAvailable") == 1)
    await world.patch(DAEMON_SET, "agent", {"spec": {"template": pod_template("agent", "busybox:2")}})

    def updated(one: dict[str, Any]) -> bool:
        status = one["status"]
        return (
            status["observedGeneration"] == one["metadata"]["generation"]
            and status.get("updatedNumberScheduled") == 1
            and status.get("numberAvailable") == 1
        )

    await world.until(DAEMON_SET, "agent", updated)
    (pod,) = await world.until_count(POD, 1)
    assert pod["spec"]["containers"][0]["image"] == "busybox:2"
    await world.patch(NODE, "node", {"metadata": {"labels": {"role": "none"}}})
    await world.patch(
        DAEMON_SET, "agent", {"spec": {"template": {"spec": {"nodeSelector": {"role": "all"}}}}}
    )
    await world.until_count(POD, 0)


async def test_endpoints_follow_readiness_and_termination(world: World) -> None:
    service = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    await world.create(SERVICE, "web", service)
    template = pod_template("web")
    template["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    await world.create(DEPLOYMENT, "web", {**workload("web", 2), "template": template})

    def ready(count: int) -> Any:
        def holds(piece: dict[str, Any]) -> bool:
            states = [one["conditions"] for one in piece.get("endpoints") or []]
            return sum(state["ready"] for state in states) == count == len(states)

        return holds

    selector = "kubernetes.io/service-name=web"
    (piece,) = await world.until_count(ENDPOINT_SLICE, 1, selector, ready(2))
    assert piece["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert {one["targetRef"]["name"] for one in piece["endpoints"]} == {
        name_of(pod) for pod in await world.all(POD)
    }
    await world.patch(DEPLOYMENT, "web", {"spec": {"replicas": 1}})
    (piece,) = await world.until_count(ENDPOINT_SLICE, 1, selector, ready(1))
    (left,) = piece["endpoints"]

    def follow(found: dict[str, Any]) -> bool:
        address = {"ip": left["addresses"][0], "nodeName": left["nodeName"], "targetRef": left["targetRef"]}
        return bool(found.get("subsets") == [{"addresses": [address], "ports": piece["ports"]}])

    await world.until(ENDPOINTS, "web", follow)
    await world.client.delete(SERVICE.resource, "web", "default")
    await world.until_count(ENDPOINTS, 0, "endpoints.kubernetes.io/managed-by=endpoint-controller")


async def test_endpoints_that_somebody_else_writes_are_left_alone(world: World) -> None:
    await world.create(SERVICE, "outside", {"ports": [{"port": 80}]})
    by_hand = [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 80, "protocol": "TCP"}]}]
    await world.create(ENDPOINTS, "outside", subsets=by_hand)
    await world.create(SERVICE, "inside", {"selector": {"app": "none"}, "ports": [{"port": 80}]})
    await world.until(ENDPOINTS, "inside", lambda found: not found.get("subsets"))
    assert (await world.get(ENDPOINTS, "outside"))["subsets"] == by_hand


async def test_a_budget_allows_so_many_evictions_and_no_more(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 3))
    await world.until(DEPLOYMENT, "web", lambda one: (one.get("status") or {}).get("availableReplicas") == 3)
    budget = {"maxUnavailable": "34%", "selector": {"matchLabels": {"app": "web"}}}
    await world.create(DISRUPTION_BUDGET, "web", budget)
    allowed = await world.until(
        DISRUPTION_BUDGET, "web", lambda one: (one.get("status") or {}).get("disruptionsAllowed", 0) > 0
    )
    assert allowed["status"]["expectedPods"] == 3
    assert allowed["status"]["disruptionsAllowed"] == 2  # 34 % of 3, rounded up
    await world.patch(DISRUPTION_BUDGET, "web", {"spec": {"maxUnavailable": 0}})
    await world.until(DISRUPTION_BUDGET, "web", lambda one: one["status"]["disruptionsAllowed"] == 0)
    victim = name_of((await world.all(POD))[0])
    with pytest.raises(ApiError) as refused:
        await world.client.create(
            POD.resource, {"metadata": {"name": victim}}, "default", subresource="eviction", name=victim
        )
    assert refused.value.code == 429


async def test_an_autoscaler_without_metrics_tells_so_and_changes_nothing(world: World) -> None:
    await world.create(DEPLOYMENT, "web", workload("web", 2))
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
            }
        ],
    }
    await world.create(AUTOSCALER, "web", spec)

    def inactive(one: dict[str, Any]) -> bool:
        found = condition(one, "ScalingActive")
        return found is not None and found["status"] == "False"

    await world.until(AUTOSCALER, "web", inactive)
    await world.until_event("web", "FailedGetResourceMetric")
    assert (await world.get(DEPLOYMENT, "web"))["spec"]["replicas"] == 2


async def test_a_taint_ends_the_pods_that_do_not_tolerate_it(world: World) -> None:
    tolerant = {"tolerations": [{"key": "maintenance", "operator": "Exists"}]}
    for name, extra in (("leaves", {}), ("stays", tolerant)):
        await world.create(POD, name, pod_spec(**extra))
        await world.until(POD, name, lambda one: condition(one, "Ready"))
    taint = {"key": "maintenance", "effect": "NoExecute"}
    await world.patch(NODE, "node", {"spec": {"taints": [taint]}})
    await world.until_gone(POD, "leaves")
    await world.until_event("leaves", "TaintManagerEviction")
    assert "deletionTimestamp" not in (await world.get(POD, "stays"))["metadata"]
