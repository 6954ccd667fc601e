"""Volumes, environment and names, as a program in a pod finds them."""

from __future__ import annotations

import base64
from typing import Any

from harness.pocket_node import PocketNode, pod_object
from harness.waiting import eventually

from autostack.pocket.controllers.kinds import CONFIG_MAP

SLEEPS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


def secret(name: str, **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "default"},
        "data": encoded,
    }


def mounted(name: str, script: str, volume: dict[str, Any], **mount: Any) -> dict[str, Any]:
    pod = pod_object(name, script)
    pod["spec"]["restartPolicy"] = "Never"
    pod["spec"]["volumes"] = [{"name": "v", **volume}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v", **mount}]
    return pod


async def test_a_config_map_is_files_and_changes_reach_a_running_pod(node: PocketNode) -> None:
    await node.create(config_map("settings", a="1", b="2"))
    await node.create(mounted("reader", SLEEPS, {"configMap": {"name": "settings"}}))
    await node.ready("reader")
    assert await node.exec("reader", "sh", "-c", "cat /v/a /v/b") == (0, "12")
    await node.cluster.client.patch(
        CONFIG_MAP.resource, "settings", {"data": {"a": "9", "b": None}}, "default"
    )

    async def changed() -> bool:
        return await node.exec("reader", "sh", "-c", "cat /v/a; ls /v") == (0, "9a\n")

    await eventually(changed, what="the new content")


async def test_files_that_could_not_be_written_once_are_written_with_the_next_change(
    node: PocketNode,
) -> None:
    await node.create(config_map("settings", a="1"))
    await node.create(mounted("reader", SLEEPS, {"configMap": {"name": "settings"}}))
    await node.ready("reader")
    in_the_way = next((node.folder / "node" / "pods").glob("*/volumes/v/..data")).with_name("..data_tmp")
    in_the_way.mkdir()

    async def set_to(text: str) -> None:
        await node.cluster.client.patch(CONFIG_MAP.resource, "settings", {"data": {"a": text}}, "default")

    async def failed() -> bool:
        files = [entry / "a" for entry in in_the_way.parent.iterdir() if entry.name.startswith("..")]
        return "2" in [file.read_text() for file in files if file.exists()]  # and they are not shown

    await set_to("2")
    await eventually(failed, what="an attempt to write the files")
    in_the_way.rmdir()
    await set_to("3")

    async def changed() -> bool:
        return await node.exec("reader", "cat", "/v/a") == (0, "3")

    await eventually(changed, what="the newest content")


async def test_a_secret_has_its_mode_items_and_is_read_only(node: PocketNode) -> None:
    await node.create(secret("keys", user="me", password="deep"))
    volume = {
        "secret": {"secretName": "keys", "defaultMode": 0o400, "items": [{"key": "password", "path": "x/pw"}]}
    }
    script = "cat /v/x/pw; stat -Lc ' %a' /v/x/pw; ls /v; (echo >/v/new) 2>/dev/null || echo read-only"
    assert await node.output(mounted("keyed", script, volume)) == "deep 400\nx\nread-only\n"


async def test_a_pod_waits_for_a_config_map_that_comes_later(node: PocketNode) -> None:
    await node.create(mounted("early", "cat /v/k", {"configMap": {"name": "late"}}))
    assert 'configmap "late" not found' in await node.until_event("early", "FailedMount")
    await node.create(config_map("late", k="here"))
    await node.done("early")
    assert await node.logs("early") == "here"


async def test_a_missing_reference_in_the_environment_is_a_config_error_until_it_exists(
    node: PocketNode,
) -> None:
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "x"}}}]
    pod = pod_object("waiting", "echo $X", env=env)
    pod["spec"]["restartPolicy"] = "Never"
    await node.create(pod)
    await node.until("waiting", lambda s: "CreateContainerConfigError" in str(s.get("containerStatuses")))
    await node.create(config_map("late", x="found"))
    await node.done("waiting")
    assert await node.logs("waiting") == "found\n"


async def test_sub_path_mounts_one_file(node: PocketNode) -> None:
    await node.create(config_map("one", conf="content"))
    pod = mounted(
        "sub", "cat /etc/app.conf", {"configMap": {"name": "one"}}, mountPath="/etc/app.conf", subPath="conf"
    )
    assert await node.output(pod) == "content"


async def test_a_sub_path_that_leaves_the_volume_is_refused(node: PocketNode) -> None:
    await node.create(mounted("escape", "true", {"emptyDir": {}}, subPath="../../.."))
    assert "leaves the volume" in await node.until_event("escape", "Failed")


async def test_an_empty_dir_in_memory_is_shared_by_the_containers(node: PocketNode) -> None:
    pod = mounted(
        "shared",
        "until [ -e /v/x ]; do sleep 0.02; done; cat /v/x; df /v | grep -c tmpfs",
        {"emptyDir": {"medium": "Memory"}},
    )
    pod["spec"]["containers"].append(
        {
            "name": "writer",
            "image": "busybox",
            "command": ["sh", "-c", "echo hi >/v/y; mv /v/y /v/x"],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        }
    )
    assert await node.output(pod) == "hi\n1\n"


async def test_a_claim_gives_the_folder_of_its_volume(node: PocketNode) -> None:
    where = node.folder / "disk"
    await node.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "pv"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(where)},
            },
        }
    )
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": "pv",
        },
    }
    stored = await node.create(claim)
    await node.create(mounted("db", "echo kept >/v/file", {"persistentVolumeClaim": {"claimName": "data"}}))
    assert "is not bound" in await node.until_event("db", "FailedMount")
    from autostack.pocket.controllers.kinds import CLAIM

    await node.cluster.client.update(
        CLAIM.resource, {**stored, "status": {"phase": "Bound"}}, subresource="status"
    )
    await node.done("db")
    assert (where / "file").read_text() == "kept\n"


async def test_the_downward_api_tells_the_pod_about_itself(node: PocketNode) -> None:
    env = [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {
            "name": "MEMORY",
            "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
        },
        {"name": "URL", "value": "http://$(POD_IP):80/$(ME)/$(NOT)/$$(ME)"},
    ]
    pod = pod_object(
        "self",
        'echo "$URL $MEMORY"; cat /v/labels; hostname',
        env=env,
        resources={"limits": {"memory": "64Mi"}},
    )
    pod["metadata"]["labels"] = {"app": "x"}
    pod["spec"]["restartPolicy"] = "Never"
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    pod["spec"]["volumes"] = [{"name": "v", "downwardAPI": {"items": [item]}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    output = await node.output(pod)
    ip = (await node.pod("self"))["status"]["podIP"]
    assert output == f'http://{ip}:80/self/$(NOT)/$(ME) 64\napp="x"self\n'


async def test_service_names_resolve_and_follow_the_endpoints(node: PocketNode) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"name": "sql", "port": 5432}]},
    }
    await node.create(service)
    slice_: dict[str, Any] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "db-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "sql", "port": 5432}],
        "endpoints": [
            {"addresses": ["127.9.9.1"], "conditions": {"ready": True}, "hostname": "db-0"},
            {"addresses": ["127.9.9.2"], "conditions": {"ready": True}, "hostname": "db-1"},
            {"addresses": ["127.9.9.3"], "conditions": {"ready": False}},
        ],
    }
    await node.create(slice_)
    await node.create(pod_object("client", SLEEPS))
    await node.ready("client")
    lookup = "import socket,sys;print(sorted({a[4][0] for a in socket.getaddrinfo(sys.argv[1], 5432)}))"

    async def both() -> bool:
        return await node.exec("client", "python", "-c", lookup, "db") == (0, "['127.9.9.1', '127.9.9.2']\n")

    await eventually(both, what="both ready addresses")
    full = await node.exec("client", "python", "-c", lookup, "db-1.db.default.svc.cluster.local")
    assert full == (0, "['127.9.9.2']\n")


async def test_init_data_survives_a_restart_of_the_container(node: PocketNode) -> None:
    await node.create(mounted("again", "cat /v/n 2>/dev/null; echo x >>/v/n; exit 1", {"emptyDir": {}}))
    await node.done("again")
    pod = mounted("again2", "wc -l </v/n 2>/dev/null; echo x >>/v/n; exit 1", {"emptyDir": {}})
    pod["spec"]["restartPolicy"] = "Always"
    await node.create(pod)
    await node.until("again2", lambda s: "CrashLoopBackOff" in str(s.get("containerStatuses")))
    assert (await node.logs("again2")).strip() == "1"


async def test_a_service_account_token_is_renewed_before_it_ends(node: PocketNode) -> None:
    node.renew_tokens_at = 0.001
    await node.end()
    await node.begin()
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}}
    await node.create(mounted("account", SLEEPS, {"projected": {"sources": [token]}}))
    await node.ready("account")
    first = await node.exec("account", "cat", "/v/token")

    async def renewed() -> bool:
        now = await node.exec("account", "cat", "/v/token")
        return now[0] == 0 and now != first

    await eventually(renewed, what="another token")


async def test_hosts_that_can_not_be_written_concern_one_pod_only(node: PocketNode) -> None:
    for name in ("broken", "sound"):
        await node.create(pod_object(name, SLEEPS))
    uid = (await node.ready("broken"))["metadata"]["uid"]
    await node.ready("sound")
    (node.folder / "node/pods" / uid / "net/.hosts").mkdir()  # e.g. the disk was full: a write fails
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "later", "namespace": "default"},
        "spec": {"ports": [{"port": 80}]},
    }
    await node.create(service)

    async def told() -> bool:
        return "later.default.svc" in (await node.exec("sound", "cat", "/etc/hosts"))[1]

    await eventually(told, what="the new Service in the other pod's hosts")
