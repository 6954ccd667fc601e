"""What the API reference promises of writes: versions, generations, isolation, defaults, immutability,
deletion.
"""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autostack.pocket.apiserver import expiry
from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError

PODS = Resource("", "v1", "pods")
NAMESPACES = Resource("", "v1", "namespaces")
CONFIG_MAPS = Resource("", "v1", "configmaps")
SERVICES = Resource("", "v1", "services")
EVENTS = Resource("", "v1", "events")
DEPLOYMENTS = Resource("apps", "v1", "deployments")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets")
JOBS = Resource("batch", "v1", "jobs")
CLAIMS = Resource("", "v1", "persistentvolumeclaims")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers")
LABELS = {"app": "web"}


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec}}


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": LABELS}, "template": template, **spec},
    }


async def refused(call: Any, code: int, said: str = "") -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    assert caught.value.code == code, caught.value.message
    assert said in caught.value.message
    return caught.value


async def test_defaults_are_written_down(pocket_api: ApiServer) -> None:
    stored = await pocket_api.client().create(DEPLOYMENTS, deployment(), "default")
    spec = stored["spec"]
    assert (spec["replicas"], spec["progressDeadlineSeconds"], spec["revisionHistoryLimit"]) == (1, 600, 10)
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    template = spec["template"]["spec"]
    assert (template["restartPolicy"], template["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert template["containers"][0]["imagePullPolicy"] == "Always"


async def test_an_object_that_an_older_version_wrote_is_no_other_object(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    limits = {"limits": {"cpu": "0.5"}, "requests": {"cpu": "0.5"}}
    given = pod()
    given["spec"]["containers"][0]["resources"] = limits
    stored = await client.create(PODS, given, "default")
    assert stored["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m"}
    store = pocket_api.core.store
    (key,) = [entry.key for entry in store.entries("pods")]
    stored["spec"]["containers"][0]["resources"] = limits
    await store.put(key, stored, expected=int(stored["metadata"]["resourceVersion"]))
    await client.patch(PODS, "p", {"metadata": {"labels": {"x": "y"}}}, "default")
    change = {"spec": {"restartPolicy": "Never"}}
    await refused(client.patch(PODS, "p", change, "default"), 422, "pod updates may not change fields")


async def test_neither_all_namespaces_nor_a_replication_controller(pocket_api: ApiServer) -> None:
    registry = pocket_api.core.registry
    for plural, verb in (("namespaces", "deletecollection"), ("replicationcontrollers", "create")):
        with pytest.raises(ApiError) as caught:
            registry.serving("", "v1", plural, verb)
        assert caught.value.code == 405
    assert registry.serving("", "v1", "replicationcontrollers", "list").kind == "ReplicationController"


async def test_generation_follows_the_spec_and_nothing_else(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(DEPLOYMENTS, deployment(), "default")
    patches: list[tuple[dict[str, Any], str, int]] = [
        ({"metadata": {"labels": {"x": "y"}}}, "", 1),
        ({"status": {"replicas": 3}}, "status", 1),
        ({"spec": {"replicas": 3}}, "", 2),
        ({"spec": {"replicas": 3}}, "", 2),
    ]
    for patch, subresource, generation in patches:
        stored = await client.patch(DEPLOYMENTS, "web", patch, "default", subresource=subresource)
        assert stored["metadata"]["generation"] == generation


async def test_status_and_spec_are_isolated(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    created = await client.create(DEPLOYMENTS, {**deployment(), "status": {"replicas": 9}}, "default")
    assert created["status"] == {}
    both = {"spec": {"replicas": 5}, "status": {"replicas": 5}}
    assert (await client.patch(DEPLOYMENTS, "web", both, "default", subresource="status"))["spec"][
        "replicas"
    ] == 1
    assert (await client.patch(DEPLOYMENTS, "web", {**both, "status": {"replicas": 7}}, "default"))[
        "status"
    ] == {"replicas": 5}


async def test_an_update_of_an_old_version_is_a_conflict(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    first = await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    await client.patch(CONFIG_MAPS, "c", {"data": {"a": "2"}}, "default")
    await refused(client.update(CONFIG_MAPS, copy.deepcopy(first)), 409, "has been modified")
    blind = copy.deepcopy(first)
    del blind["metadata"]["resourceVersion"]
    assert (await client.update(CONFIG_MAPS, blind))["data"] == {"a": "1"}


async def test_racing_patches_all_take_effect(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "default")
    await asyncio.gather(
        *(client.patch(CONFIG_MAPS, "c", {"data": {str(n): "x"}}, "default") for n in range(8))
    )
    assert len((await client.get(CONFIG_MAPS, "c", "default"))["data"]) == 8


async def test_a_write_that_changes_nothing_makes_no_version(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    first = await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    again = await client.patch(CONFIG_MAPS, "c", {"data": {"a": "1"}}, "default")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "field is immutable"),
        ({"spec": {"replicas": -1}}, "must be greater than or equal to 0"),
        ({"spec": {"template": {"metadata": {"labels": {"app": "other"}}}}}, "does not match template"),
        ({"spec": {"template": {"spec": {"restartPolicy": "Never"}}}}, "Unsupported value"),
        ({"spec": {"template": {"spec": {"containers": []}}}}, "Required value"),
        ({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}}, "may not be 0"),
        ({"metadata": {"labels": {"a b": "c"}}}, "metadata.labels"),
        ({"metadata": {"annotations": {"x": "y" * 300_000}}}, "Too long"),
    ],
)
async def test_a_wrong_change_names_its_field(
    pocket_api: ApiServer, change: dict[str, Any], said: str
) -> None:
    client = pocket_api.client()
    await client.create(DEPLOYMENTS, deployment(), "default")
    error = await refused(client.patch(DEPLOYMENTS, "web", change, "default"), 422, said)
    assert error.details["causes"]


async def test_of_a_pod_only_some_fields_change(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(PODS, pod(), "default")
    image = {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}
    await client.patch(PODS, "p", image, "default", patch_type="strategic")
    await refused(
        client.patch(PODS, "p", {"spec": {"hostname": "h"}}, "default"), 422, "pod updates may not change"
    )


async def test_a_pod_gets_its_account_token_and_tolerations(pocket_api: ApiServer) -> None:
    stored = await pocket_api.client().create(PODS, pod(), "default")
    mount = stored["spec"]["containers"][0]["volumeMounts"][0]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert mount["name"] == stored["spec"]["volumes"][0]["name"]
    assert stored["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert len(stored["spec"]["tolerations"]) == 2
    await refused(
        pocket_api.client().create(PODS, pod("q", serviceAccountName="nobody"), "default"), 403, "not found"
    )


async def test_a_job_selects_its_own_pods_only(pocket_api: ApiServer) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    job = await pocket_api.client().create(
        JOBS, {"metadata": {"name": "j"}, "spec": {"template": template}}, "default"
    )
    uid = job["metadata"]["uid"]
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert job["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"


@pytest.mark.parametrize("indexes", ["a-b", "0-9999999999", "3", "2-1", "0-1-2", "1,1"])
async def test_a_job_succeeds_by_indexes_that_it_has(pocket_api: ApiServer, indexes: str) -> None:
    def job(succeeded: str) -> dict[str, Any]:
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
        policy = {"rules": [{"succeededIndexes": succeeded}]}
        spec = {"completionMode": "Indexed", "completions": 3, "successPolicy": policy, "template": template}
        return {"metadata": {"name": "j"}, "spec": spec}

    create = pocket_api.client().create
    await refused(create(JOBS, job(indexes), "default"), 422, "successPolicy.rules[0].succeededIndexes")
    await create(JOBS, job("0,2"), "default")


async def test_a_claim_is_not_changed_into_one_without_a_size(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    place = {"name": "c", "namespace": "default"}
    resources = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": resources}
    await client.create(CLAIMS, {"metadata": place, "spec": spec}, "default")
    await refused(client.update(CLAIMS, {"metadata": place}), 403, "can not be less than it was before")
    odd = {**spec, "resources": {"requests": {"storage": "lots"}}}
    await refused(client.update(CLAIMS, {"metadata": place, "spec": odd}), 400, "quantities must match")


async def test_an_autoscaler_aims_at_quantities(pocket_api: ApiServer) -> None:
    def autoscaler(value: str, tolerance: str) -> dict[str, Any]:
        target = {"type": "AverageValue", "averageValue": value}
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "metrics": [metric],
            "behavior": {"scaleUp": {"tolerance": tolerance}},
        }
        return {"metadata": {"name": "web"}, "spec": spec}

    create = pocket_api.client().create
    await refused(create(AUTOSCALERS, autoscaler("much", "100m"), "default"), 400, "quantities must match")
    await refused(create(AUTOSCALERS, autoscaler("1", "some"), "default"), 400, "quantities must match")
    await create(AUTOSCALERS, autoscaler("100m", "0.05"), "default")


async def test_services_get_addresses_that_are_unique_and_kept(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    ports = [{"port": 80}]
    created = await asyncio.gather(
        *(
            client.create(SERVICES, {"metadata": {"name": f"s{n}"}, "spec": {"ports": ports}}, "default")
            for n in range(30)
        )
    )
    addresses = {service["spec"]["clusterIP"] for service in created}
    assert len(addresses) == 30
    wanted = {
        "metadata": {"name": "w"},
        "spec": {"ports": ports, "clusterIP": created[0]["spec"]["clusterIP"]},
    }
    await refused(client.create(SERVICES, wanted, "default"), 422, "already allocated")
    outside = {"metadata": {"name": "o"}, "spec": {"ports": ports, "clusterIP": "10.0.0.1"}}
    await refused(client.create(SERVICES, outside, "default"), 422, "not in the valid range")
    ports_8080 = {"spec": {"ports": [{"port": 8080}]}}
    kept = await client.patch(SERVICES, "s0", ports_8080, "default")
    assert kept["spec"]["clusterIP"] == created[0]["spec"]["clusterIP"]
    node_port = {"metadata": {"name": "n"}, "spec": {"ports": ports, "type": "NodePort"}}
    await refused(client.create(SERVICES, node_port, "default"), 422, "no node ports")
    headless = await client.create(
        SERVICES, {"metadata": {"name": "h"}, "spec": {"clusterIP": "None", "ports": ports}}, "default"
    )
    assert headless["spec"]["clusterIP"] == "None"


async def test_a_running_pod_ends_gracefully(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(PODS, pod(terminationGracePeriodSeconds=20), "default")
    await client.create(PODS, {"target": {"name": "n"}}, "default", name="p", subresource="binding")
    await refused(
        client.create(PODS, {"target": {"name": "m"}}, "default", name="p", subresource="binding"), 409
    )
    marked = await client.delete(PODS, "p", "default")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 20
    shorter = await client.delete(PODS, "p", "default", grace_period_s=5)
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    longer = await client.delete(PODS, "p", "default", grace_period_s=60)
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 5
    await client.delete(PODS, "p", "default", grace_period_s=0)
    await refused(client.get(PODS, "p", "default"), 404)


async def test_finalizers_hold_an_object_until_the_last_is_gone(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(
        CONFIG_MAPS, {"metadata": {"name": "c", "finalizers": ["example.com/hold"]}}, "default"
    )
    marked = await client.delete(CONFIG_MAPS, "c", "default")
    assert marked["metadata"]["deletionTimestamp"]
    await client.patch(CONFIG_MAPS, "c", {"metadata": {"finalizers": None}}, "default")
    await refused(client.get(CONFIG_MAPS, "c", "default"), 404)


@pytest.mark.parametrize(
    ("propagation", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")]
)
async def test_propagation_is_left_to_the_garbage_collector(
    pocket_api: ApiServer, propagation: Any, finalizer: str
) -> None:
    client = pocket_api.client()
    await client.create(DEPLOYMENTS, deployment(), "default")
    marked = await client.delete(DEPLOYMENTS, "web", "default", propagation=propagation)
    assert marked["metadata"]["finalizers"] == [finalizer]


async def test_a_namespace_terminates_in_steps(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(NAMESPACES, {"metadata": {"name": "team"}})
    assert {o["metadata"]["name"] for o in (await client.list(CONFIG_MAPS, "team")).items} == {
        "kube-root-ca.crt"
    }
    going = await client.delete(NAMESPACES, "team")
    assert going["status"]["phase"] == "Terminating"
    await refused(client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "team"), 403, "being terminated")
    await client.update(NAMESPACES, {**going, "spec": {"finalizers": []}}, subresource="finalize")
    await refused(client.get(NAMESPACES, "team"), 404)


async def test_a_uid_precondition_protects_a_namesake(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "default")
    await refused(client.delete(CONFIG_MAPS, "c", "default", uid="another"), 409, "Precondition failed")


async def test_a_stateful_sets_template_changes_and_its_service_does_not(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    await client.create(STATEFUL_SETS, deployment("s", serviceName="x"), "default")
    await client.patch(STATEFUL_SETS, "s", {"spec": {"replicas": 2}}, "default")
    await refused(
        client.patch(STATEFUL_SETS, "s", {"spec": {"serviceName": "y"}}, "default"), 422, "are forbidden"
    )


async def test_generated_names_do_not_repeat(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    made = [
        await client.create(CONFIG_MAPS, {"metadata": {"generateName": "c-"}}, "default") for _ in range(20)
    ]
    assert len({o["metadata"]["name"] for o in made}) == 20


async def test_a_selector_watch_sees_objects_come_and_go(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    start = (await client.list(CONFIG_MAPS)).resource_version
    await client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, "default")
    for labels in ({"on": "yes"}, {"on": "yes", "more": "x"}, {"on": None}):
        await client.patch(CONFIG_MAPS, "c", {"metadata": {"labels": labels}}, "default")
    watch = client.watch(CONFIG_MAPS, resource_version=start, label_selector="on=yes")
    seen = [(await anext(watch)).type for _ in range(3)]
    await watch.aclose()
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


async def test_old_events_end(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "R",
    }
    await client.create(EVENTS, event, "default")
    later = datetime.now(UTC) + timedelta(minutes=59)
    assert await expiry.sweep(pocket_api.core, later) == 0
    assert await expiry.sweep(pocket_api.core, later + timedelta(minutes=2)) == 1
