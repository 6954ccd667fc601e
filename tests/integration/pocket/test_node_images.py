"""Images: from the registry folder, from the catalogue, and those that are not there."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

from harness.pocket_node import PocketNode, pod_object
from harness.waiting import eventually

from autostack.pocket.controllers.kinds import POD


class Layout:
    """Writes an OCI image layout, as the pipeline does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)

    def blob(self, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def image(self, tag: str, files: dict[str, str], **config: Any) -> str:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text), 0o755
                tar.addfile(entry, io.BytesIO(text.encode()))
        layer = self.blob(gzip.compress(archive.getvalue()))
        described = self.blob(json.dumps({"architecture": "amd64", "os": "linux", "config": config}).encode())
        manifest = {"schemaVersion": 2, "config": described, "layers": [layer]}
        made = self.blob(json.dumps(manifest).encode())
        name = {"annotations": {"org.opencontainers.image.ref.name": tag}}
        index = {"schemaVersion": 2, "manifests": [{**made, **name}]}
        (self.folder / "index.json").write_text(json.dumps(index))
        return str(made["digest"])


def pod_of(name: str, image: str, *, read_only: bool = True) -> dict[str, Any]:
    pod = pod_object(name, "unused")
    pod["spec"]["restartPolicy"] = "Never"
    main = pod["spec"]["containers"][0]
    del main["command"]
    main["image"] = image
    main["securityContext"] = {"readOnlyRootFilesystem": read_only}
    return pod


async def test_a_built_image_runs_with_its_own_configuration(node: PocketNode) -> None:
    layout = Layout(node.folder / "registry/ghcr.io/auto-stack/demo")
    files = {"app/hello.py": "import os, sys; print(os.environ['GREETING'], os.getcwd(), *sys.argv[1:])"}
    config = {
        "Entrypoint": ["python", "hello.py"],
        "Cmd": ["there"],
        "Env": ["GREETING=hi"],
        "WorkingDir": "/app",
    }
    digest = layout.image("v0.1", files, User="65532:65532", **config)
    assert await node.output(pod_of("demo", f"ghcr.io/auto-stack/demo:v0.1@{digest}")) == "hi /app there\n"
    status = (await node.pod("demo"))["status"]["containerStatuses"][0]
    assert status["imageID"] == f"ghcr.io/auto-stack/demo@{digest}"


async def test_a_writable_root_can_change_the_images_files_without_changing_the_image(
    node: PocketNode,
) -> None:
    layout = Layout(node.folder / "registry/ghcr.io/auto-stack/demo")
    layout.image(
        "v1",
        {"app/run": "#!/bin/sh\ncat /app/seen 2>/dev/null; echo x >/app/seen; echo end\n"},
        Cmd=["/app/run"],
    )
    for name in ("first", "second"):
        assert await node.output(pod_of(name, "ghcr.io/auto-stack/demo:v1", read_only=False)) == "end\n"


async def test_a_damaged_blob_is_refused(node: PocketNode) -> None:
    layout = Layout(node.folder / "registry/ghcr.io/auto-stack/demo")
    layout.image("v1", {"app/run": "x"}, Cmd=["/app/run"])
    for blob in (layout.folder / "blobs/sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.write_bytes(b"other")
    await node.create(pod_of("damaged", "ghcr.io/auto-stack/demo:v1"))
    assert "is damaged" in await node.until_event("damaged", "Failed", "is damaged")


async def test_an_unknown_image_backs_off(node: PocketNode) -> None:
    await node.create(pod_of("unknown", "example.com/no/such:v1"))
    await node.until("unknown", lambda s: "ErrImagePull" in str(s.get("containerStatuses")))
    await node.until("unknown", lambda s: "ImagePullBackOff" in str(s.get("containerStatuses")))
    assert "no such repository" in await node.until_event("unknown", "Failed", "Failed to pull")


async def test_a_text_that_is_no_reference_is_an_invalid_image_name(node: PocketNode) -> None:
    await node.create(pod_of("odd", "UPPER/case"))
    await node.until("odd", lambda s: "InvalidImageName" in str(s.get("containerStatuses")))


async def test_postgres_keeps_the_contract_of_its_public_image(node: PocketNode) -> None:
    pod = pod_object("db", "unused")
    main = pod["spec"]["containers"][0]
    del main["command"]
    main |= {
        "image": "postgres:18",
        "args": ["postgres", "-c", "listen_addresses=$(POD_IP)"],
        "env": [
            {"name": "POSTGRES_PASSWORD", "value": "pw"},
            {"name": "POSTGRES_USER", "value": "owner"},
            {"name": "POSTGRES_DB", "value": "app"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "readinessProbe": {
            "exec": {"command": ["sh", "-c", 'pg_isready -q -h "$POD_IP" -U owner -d app']},
            "periodSeconds": 1,
        },
        "securityContext": {"readOnlyRootFilesystem": True},
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/postgresql"},
            {"name": "init", "mountPath": "/docker-entrypoint-initdb.d"},
        ],
    }
    script = {
        "10.sql": "CREATE TABLE t AS SELECT 7 AS seven;",
        "20.sh": "psql -d app -c 'INSERT INTO t VALUES (8)'",
    }
    await node.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "init", "namespace": "default"},
            "data": script,
        }
    )
    pod["spec"]["volumes"] = [
        {"name": "data", "emptyDir": {}},
        {"name": "init", "configMap": {"name": "init"}},
    ]
    await node.create(pod)
    try:
        await node.ready("db", within_s=60)
    except AssertionError as error:
        raise AssertionError(await node.logs("db")) from error
    select = "SELECT sum(seven), current_user FROM t"
    query = f'PGPASSWORD=pw psql -h "$POD_IP" -U owner -d app -Atc "{select}"'
    assert await node.exec("db", "sh", "-c", query) == (0, "15|owner\n")
    assert await node.exec(
        "db", "sh", "-c", 'PGPASSWORD=no psql -h "$POD_IP" -U owner -d app -c "" >/dev/null 2>&1'
    ) == (2, "")


async def test_another_major_version_of_postgres_is_refused(node: PocketNode) -> None:
    await node.create(pod_of("old", "postgres:16"))
    assert "another major version" in await node.until_event("old", "Failed", "major")


async def test_the_toolkits_own_image_imports_itself(node: PocketNode) -> None:
    pod = pod_object("toolkit", "python", "-c", "import autostack.errors, lightkube, sys; print(sys.prefix)")
    pod["spec"]["restartPolicy"] = "Never"
    pod["spec"]["containers"][0]["image"] = "ghcr.io/auto-stack/autostack:v0.1"
    output = await node.output(pod)
    assert output.startswith("/"), output
    assert (await node.pod("toolkit"))["status"]["phase"] == "Succeeded", output


async def test_traefik_starts_from_its_native_image(node: PocketNode) -> None:
    pod = pod_of("traefik", "traefik:v3.7")
    pod["spec"]["containers"][0]["args"] = ["version"]
    output = await node.output(pod)
    assert "Version:      3.7" in output, output


async def test_prometheus_and_node_exporter_start_from_their_native_images(node: PocketNode) -> None:
    for name, image in (
        ("prometheus", "quay.io/prometheus/prometheus:v2.42.0"),
        ("exporter", "quay.io/prometheus/node-exporter"),
    ):
        pod = pod_of(name, image)
        pod["spec"]["containers"][0]["args"] = ["--version"]
        await node.create(pod)
        await node.done(name, within_s=120)
        assert "version" in await node.logs(name)


async def test_an_image_that_no_pod_has_used_for_long_goes_and_comes_again(node: PocketNode) -> None:
    """The one that a pod runs from stays, also over a restart of the node."""
    programs = {"runs": "while :; do sleep 0.05; done", "ends": "echo ended"}
    for name, text in programs.items():
        layout = Layout(node.folder / f"registry/ghcr.io/auto-stack/{name}")
        layout.image("v1", {"app": text}, Entrypoint=["sh", "/app"])
    await node.create(pod_of("runs", "ghcr.io/auto-stack/runs:v1"))
    await node.ready("runs")
    assert await node.output(pod_of("ends", "ghcr.io/auto-stack/ends:v1")) == "ended\n"
    await node.cluster.client.delete(POD.resource, "ends", "default")
    await node.gone("ends")
    await node.end()
    trees = list((node.folder / "images/images").iterdir())
    for tree in trees:
        os.utime(tree, (0, 0))
    await node.begin()

    async def only_one_is_left() -> bool:
        return [(tree / "app").read_text() for tree in trees if tree.exists()] == [programs["runs"]]

    await eventually(only_one_is_left, what="the idle image to go")
    assert await node.output(pod_of("ends", "ghcr.io/auto-stack/ends:v1")) == "ended\n"
