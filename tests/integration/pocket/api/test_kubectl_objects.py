"""The real kubectl creates, changes and reads objects over HTTPS."""

from __future__ import annotations

import asyncio
import json

from harness.pocket_api import HttpsCluster
from harness.waiting import eventually

from autostack.pocket.client import Resource

CONFIG_MAPS = Resource("", "v1", "configmaps")

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", env: [{name: A, value: "1"}, {name: B, value: "2"}]}
      - {name: side, image: "busybox:1"}
"""


async def test_what_kubectl_sends_as_protobuf_is_stored(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("create", "ns", "team")
    await pocket_https.ok("create", "secret", "generic", "s", "--from-literal=key=value", "-n", "team")
    await pocket_https.ok("create", "configmap", "c", "--from-literal=key=value", "-n", "team")
    await pocket_https.ok("create", "deployment", "d", "--image=nginx:1", "--replicas=0", "-n", "team")
    await pocket_https.ok("create", "job", "j", "--image=busybox", "-n", "team", "--", "date")
    await pocket_https.ok("create", "ingress", "i", "--rule=a.example/x=d:80", "-n", "team")
    await pocket_https.ok("autoscale", "deployment", "d", "--min=1", "--max=3", "--cpu=50%", "-n", "team")
    secret = json.loads(await pocket_https.ok("get", "secret", "s", "-n", "team", "-o", "json"))
    assert secret["data"] == {"key": "dmFsdWU="}
    deployment = json.loads(await pocket_https.ok("get", "deploy", "d", "-n", "team", "-o", "json"))
    assert deployment["spec"]["replicas"] == 0
    ingress = json.loads(await pocket_https.ok("get", "ingress", "i", "-n", "team", "-o", "json"))
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"number": 80}


async def test_apply_changes_only_what_the_manifest_says(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    await pocket_https.ok("scale", "deployment", "web", "--replicas=5")
    changed = DEPLOYMENT.replace("  replicas: 2\n", "").replace(', {name: B, value: "2"}', "")
    assert "configured" in await pocket_https.ok("apply", "-f", "-", stdin=changed)
    web = json.loads(await pocket_https.ok("get", "deploy", "web", "-o", "json"))
    containers = {c["name"]: c for c in web["spec"]["template"]["spec"]["containers"]}
    assert containers["web"]["env"] == [{"name": "A", "value": "1"}]
    assert set(containers) == {"web", "side"}
    assert "unchanged" in await pocket_https.ok("apply", "-f", "-", stdin=changed)


async def test_a_list_is_applied_and_validated_like_its_items(pocket_https: HttpsCluster) -> None:
    maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in "ab"]
    given = {"apiVersion": "v1", "kind": "List", "items": maps}
    await pocket_https.ok("apply", "-f", "-", stdin=json.dumps(given))
    kept = await pocket_https.ok("get", "configmap", "a", "b", "-o", "yaml")
    assert "configmap/a" in await pocket_https.ok("apply", "-f", "-", stdin=kept)
    maps[0]["dada"] = {}
    refused = await pocket_https.kubectl("apply", "-f", "-", stdin=json.dumps(given))
    assert 'unknown field "dada"' in refused.err


async def test_server_side_apply_refuses_a_field_of_somebody_else(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT)
    await pocket_https.ok("scale", "deployment", "web", "--replicas=5")
    result = await pocket_https.kubectl("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT)
    assert result.code != 0
    assert ".spec.replicas" in result.err
    await pocket_https.ok("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=DEPLOYMENT)
    assert await pocket_https.ok("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"


async def test_diff_and_dry_run_store_nothing(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    result = await pocket_https.kubectl("diff", "-f", "-", stdin=DEPLOYMENT.replace("nginx:1", "nginx:2"))
    assert result.code == 1
    assert "+        image: nginx:2" in result.out or "+      - image: nginx:2" in result.out
    await pocket_https.ok("create", "configmap", "c", "--dry-run=server")
    assert (await pocket_https.kubectl("get", "configmap", "c")).code == 1
    assert await pocket_https.ok("get", "deploy", "web", "-o", "jsonpath={.metadata.generation}") == "1"


async def test_prune_deletes_what_the_manifests_no_longer_have(pocket_https: HttpsCluster) -> None:
    both = "".join(
        f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{set: x}}}}\n"
        for name in "ab"
    )
    await pocket_https.ok("apply", "-f", "-", stdin=both)
    only_a = both.rsplit("---", 1)[0]
    allowed = "--prune-allowlist=core/v1/ConfigMap"
    await pocket_https.ok("apply", "--prune", "-l", "set=x", allowed, "-f", "-", stdin=only_a)
    assert "configmap/a" in await pocket_https.ok("get", "configmap", "-l", "set=x", "-o", "name")
    assert (await pocket_https.kubectl("get", "configmap", "b")).code == 1


async def test_every_patch_type_works(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    strategic = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox:2"}]}}}}'
    await pocket_https.ok("patch", "deployment", "web", "-p", strategic)
    await pocket_https.ok("patch", "deployment", "web", "--type=merge", "-p", '{"spec":{"replicas":7}}')
    test = '{"op":"test","path":"/spec/replicas","value":7}'
    json_patch = f'[{test},{{"op":"add","path":"/metadata/labels/x","value":"y"}}]'
    await pocket_https.ok("patch", "deployment", "web", "--type=json", "-p", json_patch)
    web = json.loads(await pocket_https.ok("get", "deploy", "web", "-o", "json"))
    images = [c["image"] for c in web["spec"]["template"]["spec"]["containers"]]
    assert (images, web["spec"]["replicas"], web["metadata"]["labels"]["x"]) == (
        ["nginx:1", "busybox:2"],
        7,
        "y",
    )
    stale = await pocket_https.kubectl(
        "patch", "deployment", "web", "--type=json", "-p", json_patch.replace(":7", ":6")
    )
    assert "testing path /spec/replicas value failed" in stale.err


async def test_imperative_commands_work(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    for command in (
        "set image deployment/web web=nginx:3",
        "label deployment web tier=front",
        "annotate deployment web note=x",
        "rollout restart deployment web",
        "rollout pause deployment web",
        "rollout resume deployment web",
        "expose deployment web --port=80",
        "run lonely --image=busybox",
        "describe deployment web",
        "describe pod lonely",
        "describe service web",
        "describe namespace default",
        "events",
        "api-resources",
        "cluster-info",
        "version",
    ):
        await pocket_https.ok(*command.split())
    assert "front" in await pocket_https.ok("get", "deploy", "--show-labels")


async def test_get_prints_all_forms(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    assert (await pocket_https.ok("get", "deploy")).split()[:5] == [
        "NAME",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "AGE",
    ]
    assert "nginx:1,busybox:1" in await pocket_https.ok("get", "deploy", "-o", "wide")
    assert await pocket_https.ok("get", "deploy", "-o", "name") == "deployment.apps/web\n"
    assert "web" in await pocket_https.ok("get", "all", "-A")
    assert "web" in await pocket_https.ok("get", "deploy", "-o", "custom-columns=N:.metadata.name")
    assert "kind: Deployment" in await pocket_https.ok("get", "deploy", "web", "-o", "yaml")
    sorted_names = await pocket_https.ok(
        "get", "ns", "--sort-by=.metadata.name", "-o", "name", "-l", "kubernetes.io/metadata.name"
    )
    assert sorted_names.split() == sorted(sorted_names.split())
    assert "default" in await pocket_https.ok("get", "ns", "--field-selector=metadata.name=default")


async def test_explain_knows_fields_and_prose(pocket_https: HttpsCluster) -> None:
    assert "Container image name" in await pocket_https.ok("explain", "pod.spec.containers.image")
    assert "FIELDS" in await pocket_https.ok("explain", "deployment.spec", "--recursive")


async def test_an_unknown_field_is_refused_strictly_and_told_otherwise(pocket_https: HttpsCluster) -> None:
    wrong = DEPLOYMENT.replace("  replicas: 2", "  replicaz: 2")
    strict = await pocket_https.kubectl("apply", "-f", "-", stdin=wrong)
    assert 'unknown field "spec.replicaz"' in strict.err
    assert strict.code != 0
    warned = await pocket_https.kubectl("apply", "--validate=warn", "-f", "-", stdin=wrong)
    assert warned.code == 0
    assert 'Warning: unknown field "spec.replicaz"' in warned.err


async def test_replace_edit_and_delete(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    await pocket_https.ok("replace", "-f", "-", stdin=DEPLOYMENT.replace("nginx:1", "nginx:4"))
    await pocket_https.ok("delete", "deployment", "web", "--cascade=background")
    assert (await pocket_https.kubectl("get", "deployment", "web")).code == 1
    await pocket_https.ok("run", "p", "--image=busybox")
    await pocket_https.ok("delete", "pod", "p", "--grace-period=0", "--force")
    await pocket_https.ok("create", "configmap", "c")
    await pocket_https.ok("delete", "configmap", "--all")


async def test_kubectl_wait_is_woken_by_a_change(pocket_https: HttpsCluster) -> None:
    await pocket_https.ok("create", "configmap", "c")
    condition = ("wait", "--for=jsonpath={.data.n}=7", "configmap/c", "--timeout=60s")
    waiting = asyncio.create_task(pocket_https.ok(*condition))
    watchers = pocket_https.server.core.store.watchers

    async def is_watching() -> bool:
        return watchers.count("configmaps") > 0

    await eventually(is_watching, within_s=60, what="kubectl watches")
    assert not waiting.done()
    await pocket_https.server.client().patch(CONFIG_MAPS, "c", {"data": {"n": "7"}}, "default")
    assert "condition met" in await waiting
