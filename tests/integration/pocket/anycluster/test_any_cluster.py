"""What must hold of objects on any Kubernetes: run it on a real one with AUTOSTACK_TEST_KUBECONFIG and
compare. Nothing here needs a pod to run.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1", ports: [{containerPort: 80}]}]}
"""


async def read(cluster: Any, kind: str, name: str) -> Any:
    return json.loads(await cluster.ok("get", kind, name, "-o", "json"))


async def test_a_deployments_defaults(cluster: Any) -> None:
    await cluster.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    spec = (await read(cluster, "deployment", "web"))["spec"]
    template = spec.pop("template")["spec"]
    assert spec == {
        "replicas": 0,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    }
    assert template == {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1",
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


async def test_a_services_defaults(cluster: Any) -> None:
    await cluster.ok("create", "service", "clusterip", "s", "--tcp=80:8080")
    spec = (await read(cluster, "service", "s"))["spec"]
    assert spec.pop("clusterIPs") == [spec.pop("clusterIP")]
    assert spec == {
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"name": "80-8080", "port": 80, "protocol": "TCP", "targetPort": 8080}],
        "selector": {"app": "s"},
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("replicas: 0", "replicas: -1"),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            ("metadata: {labels: {app: web}}", "metadata: {labels: {app: x}}"),
            "`selector` does not match template `labels`",
        ),
        (("name: web, image", "name: W_b, image"), "spec.template.spec.containers[0].name: Invalid value"),
        (("replicas: 0", "replicaz: 0"), 'unknown field "spec.replicaz"'),
        (("replicas: 0", "replicas: many"), "spec.replicas"),
        (("containerPort: 80", "containerPort: 80000"), "must be between 1 and 65535, inclusive"),
        (("containers: [", "restartPolicy: Never, containers: ["), 'supported values: "Always"'),
        (("metadata: {name: web,", "metadata: {name: Web,"), "a lowercase RFC 1123 subdomain"),
    ],
)
async def test_a_wrong_deployment_is_refused_in_the_same_words(
    cluster: Any, change: tuple[str, str], said: str
) -> None:
    result = await cluster.kubectl("apply", "-f", "-", stdin=DEPLOYMENT.replace(*change))
    assert result.code != 0
    assert said in result.err


async def test_the_selector_of_a_deployment_is_immutable(cluster: Any) -> None:
    await cluster.ok("apply", "-f", "-", stdin=DEPLOYMENT)
    result = await cluster.kubectl("apply", "-f", "-", stdin=DEPLOYMENT.replace("{app: web}", "{app: other}"))
    assert "field is immutable" in result.err


async def test_server_side_apply_conflicts_name_the_other_manager(cluster: Any) -> None:
    await cluster.ok("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=DEPLOYMENT)
    changed = DEPLOYMENT.replace("nginx:1", "nginx:2")
    result = await cluster.kubectl("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=changed)
    assert 'conflict with "one"' in result.err
    assert '.spec.template.spec.containers[name="web"].image' in result.err


async def test_what_is_not_there_and_what_is_there_already(cluster: Any) -> None:
    assert 'configmaps "c" not found' in (await cluster.kubectl("get", "configmap", "c")).err
    await cluster.ok("create", "configmap", "c")
    assert 'configmaps "c" already exists' in (await cluster.kubectl("create", "configmap", "c")).err


async def test_a_stale_version_is_a_conflict(cluster: Any) -> None:
    await cluster.ok("create", "configmap", "c", "--from-literal=a=1")
    old = await read(cluster, "configmap", "c")
    await cluster.ok("label", "configmap", "c", "x=y")
    result = await cluster.kubectl("replace", "-f", "-", stdin=json.dumps(old))
    assert "the object has been modified" in result.err


async def test_an_immutable_config_map_stays(cluster: Any) -> None:
    await cluster.ok("create", "configmap", "c", "--from-literal=a=1")
    await cluster.ok("patch", "configmap", "c", "-p", '{"immutable": true}')
    result = await cluster.kubectl("patch", "configmap", "c", "-p", '{"data": {"a": "2"}}')
    assert "field is immutable when `immutable` is set" in result.err


async def test_a_service_account_has_no_rights_until_it_is_given_some(cluster: Any) -> None:
    await cluster.ok("create", "serviceaccount", "bob")
    who = f"--as=system:serviceaccount:{cluster.namespace}:bob"
    assert (await cluster.kubectl("auth", "can-i", "list", "pods", who)).out.strip() == "no"
    await cluster.ok("create", "role", "r", "--verb=list", "--resource=pods")
    await cluster.ok("create", "rolebinding", "r", "--role=r", f"--serviceaccount={cluster.namespace}:bob")
    assert (await cluster.kubectl("auth", "can-i", "list", "pods", who)).out.strip() == "yes"
    assert (await cluster.kubectl("auth", "can-i", "list", "secrets", who)).out.strip() == "no"


async def test_an_editor_changes_an_object_and_templates_print_it(cluster: Any) -> None:
    await cluster.ok("create", "configmap", "c", "--from-literal=colour=red")
    editor = "sed -i s/colour:.red/colour:\\ green/"
    assert "edited" in await cluster.ok("edit", "configmap", "c", KUBE_EDITOR=editor)
    assert await cluster.ok("get", "configmap", "c", "-o", "go-template={{.data.colour}}") == "green"
    assert await cluster.ok("get", "configmap", "c", "-o", "jsonpath={.data.colour}") == "green"
    assert "cancelled" in (await cluster.kubectl("edit", "configmap", "c", KUBE_EDITOR="true")).err


async def test_what_is_too_large_or_unreadable_is_refused(cluster: Any) -> None:
    for size, said in (
        (300_000, "may not be more than 262144 bytes"),
        (5_000_000, "Request entity too large"),
    ):
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "c", "annotations": {"a": "x" * size}},
        }
        refused = await cluster.kubectl("create", "-f", "-", stdin=json.dumps(body))
        assert (refused.code != 0, said in refused.err) == (True, True), refused.err[:300]
    broken = await cluster.kubectl("apply", "-f", "-", stdin="kind: ConfigMap\n  metadata: {")
    assert "error converting YAML to JSON" in broken.err
    assert "configmaps" in await cluster.ok("api-resources", "-o", "name")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("v1 Pod", "spec.containers: Required value"),
        ("apps/v1 Deployment", "spec.template.spec.containers: Required value"),
        ("apps/v1 StatefulSet", "spec.template.spec.containers: Required value"),
        ("apps/v1 DaemonSet", "spec.template.spec.containers: Required value"),
        ("batch/v1 Job", "spec.template.spec.containers: Required value"),
        ("batch/v1 CronJob", "spec.jobTemplate.spec.template.spec.containers: Required value"),
        ("v1 PersistentVolumeClaim", "spec.accessModes: Required value"),
        ("v1 Service", "spec.ports: Required value"),
    ],
)
async def test_an_object_without_its_spec_is_refused(cluster: Any, kind: str, said: str) -> None:
    api_version, name = kind.split()
    bare = {"apiVersion": api_version, "kind": name, "metadata": {"name": "bare"}}
    refused = await cluster.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(bare))
    assert refused.code != 0
    assert said in refused.err


async def test_the_api_server_has_a_service_with_both_forms_of_endpoints(cluster: Any) -> None:
    path = "jsonpath={.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].name}"
    listed = await cluster.ok("-n", "default", "get", "endpoints", "kubernetes", "-o", path)
    path = "jsonpath={.endpoints[0].addresses[0]}:{.ports[0].name}"
    sliced = await cluster.ok("-n", "default", "get", "endpointslice", "kubernetes", "-o", path)
    assert listed == sliced
    assert listed.endswith(":https")
