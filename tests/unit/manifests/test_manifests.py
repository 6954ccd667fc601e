"""What `k8s-manifests/` must hold: valid for a current Kubernetes, consistent, restricted, no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "k8s-manifests"
KUBERNETES = "1.37"
IMAGE = re.compile(r"^ghcr\.io/auto-stack/([a-z-]+):v\d+\.\d+(@sha256:[0-9a-f]{64})?$")
MADE_AT_BOOTSTRAP = {"database"}
CHAOS_LABELS = {"kube-monkey/enabled", "kube-monkey/identifier"}


def _objects() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted(FOLDER.glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document
    ]


OBJECTS = _objects()


def _name(obj: dict[str, Any]) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"


def _pod_template(obj: dict[str, Any]) -> dict[str, Any] | None:
    spec = obj.get("spec", {})
    if obj["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template = spec.get("template")
    return template if isinstance(template, dict) else None


WORKLOADS = [obj for obj in OBJECTS if _pod_template(obj)]
workloads = pytest.mark.parametrize("workload", WORKLOADS, ids=_name)
objects = pytest.mark.parametrize("obj", OBJECTS, ids=_name)


def _pod_spec(workload: dict[str, Any]) -> dict[str, Any]:
    template = _pod_template(workload)
    assert template is not None
    spec: dict[str, Any] = template["spec"]
    return spec


def _containers(workload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    spec = _pod_spec(workload)
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def _named(kind: str) -> dict[str, dict[str, Any]]:
    return {obj["metadata"]["name"]: obj for obj in OBJECTS if obj["kind"] == kind}


@objects
def test_each_object_is_valid_for_a_current_kubernetes(obj: dict[str, Any]) -> None:
    kubernetes_validate.validate(obj, KUBERNETES, strict=True)


@objects
def test_each_object_names_its_namespace_and_its_part(obj: dict[str, Any]) -> None:
    if obj["kind"] != "Namespace":
        assert obj["metadata"]["namespace"] == "auto-stack"
    assert obj["metadata"]["labels"]["app.kubernetes.io/part-of"] == "auto-stack"


def test_no_object_stands_twice() -> None:
    names = [_name(obj) for obj in OBJECTS]
    assert sorted(names) == sorted(set(names))


def test_git_holds_no_secret() -> None:
    assert not _named("Secret")


@workloads
def test_each_pod_meets_the_restricted_standard(workload: dict[str, Any]) -> None:
    pod = _pod_spec(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in _containers(workload):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@workloads
def test_each_container_asks_for_resources_and_is_bounded_in_memory(workload: dict[str, Any]) -> None:
    for container in _containers(workload):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@workloads
def test_a_token_is_mounted_only_where_the_api_is_called(workload: dict[str, Any]) -> None:
    wanted = workload["metadata"]["name"] == "chaos-agent"
    assert _pod_spec(workload)["automountServiceAccountToken"] is wanted
    assert _pod_spec(workload)["serviceAccountName"] in _named("ServiceAccount")


@workloads
def test_each_image_is_ours_at_a_version_or_a_known_public_one(workload: dict[str, Any]) -> None:
    for container in _containers(workload):
        match = IMAGE.match(container["image"])
        assert container["image"] == "postgres:18" or (
            match and (ROOT / match[1] / "Dockerfile").parent.is_dir()
        )


@workloads
def test_secrets_and_config_that_are_referred_to_exist(workload: dict[str, Any]) -> None:
    config = _named("ConfigMap")
    for container in _containers(workload):
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if reference := source.get("configMapKeyRef"):
                assert reference["key"] in config[reference["name"]]["data"]
            if reference := source.get("secretKeyRef"):
                assert reference["name"] in MADE_AT_BOOTSTRAP


@workloads
def test_each_probe_and_mount_points_at_something_declared(workload: dict[str, Any]) -> None:
    volumes = {volume["name"] for volume in _pod_spec(workload).get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    for container in _containers(workload):
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in container.get(probe, {}):
                assert container[probe]["httpGet"]["port"] in ports
        assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


@workloads
def test_a_server_has_all_three_probes(workload: dict[str, Any]) -> None:
    if workload["kind"] in {"Deployment", "StatefulSet"}:
        for container in _containers(workload):
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)


@workloads
def test_the_selector_selects_its_own_pods(workload: dict[str, Any]) -> None:
    template = _pod_template(workload)
    assert template is not None
    wanted = (
        workload["spec"].get("selector", {}).get("matchLabels", {}) if workload["kind"] != "CronJob" else {}
    )
    assert wanted.items() <= template["metadata"]["labels"].items()


@workloads
def test_chaos_is_opted_into_on_the_workload_and_on_its_pods_alike(workload: dict[str, Any]) -> None:
    template = _pod_template(workload)
    assert template is not None
    here, there = workload["metadata"]["labels"], template["metadata"]["labels"]
    assert {key: here.get(key) for key in CHAOS_LABELS} == {key: there.get(key) for key in CHAOS_LABELS}


def test_each_service_and_budget_selects_a_workload() -> None:
    pods = [template["metadata"]["labels"] for workload in WORKLOADS if (template := _pod_template(workload))]
    for service in _named("Service").values():
        assert any(service["spec"]["selector"].items() <= labels.items() for labels in pods), _name(service)
    for budget in _named("PodDisruptionBudget").values():
        selector = budget["spec"]["selector"]["matchLabels"]
        assert any(selector.items() <= labels.items() for labels in pods), _name(budget)


def test_each_ingress_leads_to_a_port_of_a_service() -> None:
    services = _named("Service")
    for ingress in _named("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = {port["name"] for port in services[backend["name"]]["spec"]["ports"]}
                assert backend["port"]["name"] in ports


def test_data_is_kept_from_the_loop() -> None:
    namespace = _named("Namespace")["auto-stack"]
    assert namespace["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false"
    for claim in _named("PersistentVolumeClaim").values():
        assert claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false"
    assert _named("StatefulSet")["postgres"]["spec"]["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }
