"""The official Python client (also its asynchronous form) and lightkube against the served API: typed,
dynamic, watch, informer, apply, leader election.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import lightkube
import pytest
from harness.pocket_api import HttpsCluster
from harness.waiting import eventually
from kubernetes import aio as kubernetes_aio
from kubernetes.client import V1ConfigMap, V1ObjectMeta
from kubernetes.dynamic import DynamicClient
from kubernetes.informer import SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod


@pytest.fixture(autouse=True)
def _collect_sockets_of_the_official_client() -> Iterator[None]:
    """Its pools are closed by the garbage collector only, which warns; here and not in somebody else's
    test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def api(pocket_https: HttpsCluster) -> Iterator[Any]:
    """The official client's connection."""
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(pocket_https.kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        yield client


async def test_the_typed_client_creates_reads_and_deletes(api: Any) -> None:
    def work() -> None:
        core = kubernetes.client.CoreV1Api(api)
        core.create_namespaced_config_map(
            "default", V1ConfigMap(metadata=V1ObjectMeta(name="c"), data={"a": "b"})
        )
        assert core.read_namespaced_config_map("c", "default").data == {"a": "b"}
        core.patch_namespaced_config_map("c", "default", {"data": {"a": "c"}})
        found = core.list_namespaced_config_map("default", label_selector="!x").items
        assert "c" in [item.metadata.name for item in found]
        container = kubernetes.client.V1Container(name="c", image="i")
        pod = kubernetes.client.V1Pod(
            metadata=V1ObjectMeta(name="p"), spec=kubernetes.client.V1PodSpec(containers=[container])
        )
        core.create_namespaced_pod("default", pod)
        assert core.read_namespaced_pod("p", "default").spec.service_account_name == "default"
        core.delete_namespaced_pod("p", "default")
        core.delete_namespaced_config_map("c", "default")
        with pytest.raises(kubernetes.client.ApiException) as caught:
            core.read_namespaced_config_map("c", "default")
        assert caught.value.status == 404

    await asyncio.to_thread(work)


async def test_the_dynamic_client_finds_kinds_and_applies(api: Any) -> None:
    def work() -> None:
        client = DynamicClient(api)
        maps = client.resources.get(api_version="v1", kind="ConfigMap")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": {"a": "b"}}
        maps.server_side_apply(body=body, namespace="default", field_manager="me")
        assert maps.get(name="d", namespace="default").data.a == "b"
        assert client.resources.get(api_version="apps/v1", kind="Deployment").namespaced

    await asyncio.to_thread(work)


async def test_the_watch_sees_changes_in_order(api: Any, pocket_https: HttpsCluster) -> None:
    seen: list[tuple[str, str]] = []

    def work() -> None:
        core = kubernetes.client.CoreV1Api(api)
        start = core.list_namespaced_config_map("default").metadata.resource_version
        for name in ("one", "two"):
            core.create_namespaced_config_map("default", V1ConfigMap(metadata=V1ObjectMeta(name=name)))
        core.delete_namespaced_config_map("one", "default")
        watch = kubernetes.watch.Watch()
        for event in watch.stream(
            core.list_namespaced_config_map, "default", resource_version=start, timeout_seconds=5
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 3:
                watch.stop()

    await asyncio.to_thread(work)
    assert seen == [("ADDED", "one"), ("ADDED", "two"), ("DELETED", "one")]


async def test_exec_works_from_the_python_client(api: Any, pocket_https: HttpsCluster) -> None:
    def work() -> str:
        core = kubernetes.client.CoreV1Api(api)
        container = kubernetes.client.V1Container(name="c", image="i")
        spec = kubernetes.client.V1PodSpec(containers=[container], node_name="n")
        core.create_namespaced_pod(
            "default", kubernetes.client.V1Pod(metadata=V1ObjectMeta(name="p"), spec=spec)
        )
        session = kubernetes.stream.stream(
            core.connect_get_namespaced_pod_exec,
            "p",
            "default",
            command=["echo", "hello"],
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            _preload_content=False,
        )
        session.run_forever(timeout=10)
        answer: str = session.read_stdout()
        assert session.returncode == 0
        session.close()
        return answer

    assert await asyncio.to_thread(work) == "hello\n"


async def test_leader_election_finds_one_leader(api: Any, pocket_https: HttpsCluster) -> None:
    leading = threading.Event()

    def work() -> None:
        kubernetes.config.load_kube_config(str(pocket_https.kubeconfig))
        lock = LeaseLock("leader", "default", "me")
        config = electionconfig.Config(
            lock,
            lease_duration=3,
            renew_deadline=2,
            retry_period=1,
            onstarted_leading=leading.set,
            onstopped_leading=lambda: None,
        )
        election = leaderelection.LeaderElection(config)
        assert election.acquire()
        assert election.try_acquire_or_renew()

    await asyncio.to_thread(work)
    assert "me" in await pocket_https.ok("get", "lease", "leader")


async def test_lightkube_creates_watches_and_applies(pocket_https: HttpsCluster, tmp_path: Path) -> None:
    config = lightkube.KubeConfig.from_file(str(pocket_https.kubeconfig))
    client = lightkube.AsyncClient(config=config, field_manager="lightkube")
    created = await client.create(
        ConfigMap(metadata=ObjectMeta(name="l", namespace="default"), data={"a": "1"})
    )
    assert created.metadata is not None
    await client.apply(
        ConfigMap(metadata=ObjectMeta(name="l", namespace="default"), data={"a": "2"}), force=True
    )
    async with asyncio.timeout(10):
        async for change, obj in client.watch(
            ConfigMap, namespace="default", resource_version=created.metadata.resourceVersion
        ):
            assert change == "MODIFIED"
            assert obj.data == {"a": "2"}
            break
    assert [item async for item in client.list(Pod, namespace="*")] == []
    await client.delete(ConfigMap, "l", namespace="default")
    await client.close()


async def test_the_informer_keeps_a_cache_and_tells_of_changes(api: Any, pocket_https: HttpsCluster) -> None:
    core = kubernetes.client.CoreV1Api(api)
    seen: list[tuple[str, str]] = []
    informer = SharedInformer(
        core.list_namespaced_config_map, namespace="default", label_selector="seen", resync_period=1
    )
    for kind in ("ADDED", "MODIFIED", "DELETED"):
        informer.add_event_handler(kind, lambda obj, kind=kind: seen.append((kind, obj.metadata.name)))
    informer.start()
    try:
        await pocket_https.ok("create", "configmap", "i")
        await pocket_https.ok("label", "configmap", "i", "seen=yes")
        await eventually(
            lambda: _holds(informer.cache.list_keys() == ["default/i"]), what="the cached object"
        )
        await pocket_https.ok("delete", "configmap", "i")
        await eventually(lambda: _holds(("DELETED", "i") in seen), what="the deletion")
    finally:
        await asyncio.to_thread(informer.stop)
    assert seen[0] == ("ADDED", "i")
    assert informer.cache.list_keys() == []


async def _holds(condition: bool) -> bool:
    return condition


async def test_the_asynchronous_client_creates_watches_and_lists(pocket_https: HttpsCluster) -> None:
    configuration = kubernetes_aio.client.Configuration()
    await kubernetes_aio.config.load_kube_config(
        str(pocket_https.kubeconfig), client_configuration=configuration
    )
    async with kubernetes_aio.client.ApiClient(configuration) as client:
        core = kubernetes_aio.client.CoreV1Api(client)
        body = kubernetes_aio.client.V1ConfigMap(metadata={"name": "a"}, data={"a": "1"})
        made = await core.create_namespaced_config_map("default", body)
        await core.patch_namespaced_config_map("a", "default", {"data": {"a": "2"}})
        async with asyncio.timeout(10), kubernetes_aio.watch.Watch() as watch:
            async for event in watch.stream(
                core.list_namespaced_config_map,
                "default",
                resource_version=made.metadata.resource_version,
            ):
                assert (event["type"], event["object"].data) == ("MODIFIED", {"a": "2"})
                break
        found = await core.list_namespaced_config_map("default", field_selector="metadata.name=a")
        assert [one.metadata.name for one in found.items] == ["a"]
        with pytest.raises(kubernetes_aio.client.ApiException) as caught:
            await core.read_namespaced_pod("nobody", "default")
        assert caught.value.status == 404
