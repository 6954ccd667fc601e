"""Monitors and rules become a configuration that Prometheus' own checker accepts."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.observability.configuration import configuration
from autostack.observability.monitors import Discovery, scrape_configs
from autostack.observability.targets import endpointslice_targets, pod_targets

ROOT = Path(__file__).parents[3]
MANIFESTS = [
    *sorted((ROOT / "argocd" / "monitoring").glob("*.yaml")),
    *sorted((ROOT / "src" / "autostack" / "observability" / "manifests").glob("*.yaml")),
]
ALERT_CASES = Path(__file__).with_name("cases") / "alerts.yaml"
HTTP = Discovery("http://127.9.0.1:8080/targets")


def monitor(kind: str = "ServiceMonitor", **spec: Any) -> dict[str, Any]:
    field = "endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"
    whole = {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "worker-node"}},
        field: [{"port": "http"}],
    }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": {"name": "worker-node", "namespace": "monitoring"},
        "spec": whole | spec,
    }


def promtool(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    program = shutil.which("promtool")
    assert program, "promtool is missing; apt-get install prometheus"
    done = subprocess.run(
        [program, "check", "config", folder / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("discovery", [HTTP, Discovery()], ids=["http", "kubernetes"])
def test_promtool_accepts_every_supported_field(tmp_path: Path, discovery: Discovery) -> None:
    full = monitor(
        namespaceSelector={"matchNames": ["auto-stack", "monitoring"]},
        selector={
            "matchLabels": {"app.kubernetes.io/part-of": "auto-stack"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "tier", "operator": "NotIn", "values": ["c"]},
                {"key": "app", "operator": "Exists"},
                {"key": "off", "operator": "DoesNotExist"},
            ],
        },
        jobLabel="app.kubernetes.io/name",
        targetLabels=["app.kubernetes.io/component"],
        podTargetLabels=["version"],
        sampleLimit=1000,
        endpoints=[
            {
                "port": "http",
                "path": "/metrics",
                "scheme": "http",
                "interval": "2s",
                "scrapeTimeout": "1s",
                "honorLabels": True,
                "params": {"a": ["b"]},
                "relabelings": [{"targetLabel": "zone", "replacement": "here", "action": "Replace"}],
                "metricRelabelings": [{"sourceLabels": ["__name__"], "regex": "go_.*", "action": "drop"}],
            },
            {"targetPort": 8000},
        ],
    )
    if discovery.base is None:
        # Debian's promtool knows no Kubernetes discovery, so its shape is compared instead.
        first, second = scrape_configs(full, discovery)
        assert first["kubernetes_sd_configs"] == [
            {"role": "endpointslice", "namespaces": {"names": ["auto-stack", "monitoring"]}}
        ]
        assert second["job_name"] == "serviceMonitor/monitoring/worker-node/1"
        return
    made = configuration([full, monitor("PodMonitor", namespaceSelector={"any": True})], discovery)
    assert made.refusals == ()
    promtool(tmp_path, dict(made.files))


def test_the_shipped_monitors_and_rules_are_accepted(tmp_path: Path) -> None:
    objects = [
        one
        for path in MANIFESTS
        for one in yaml.safe_load_all(path.read_text())
        if one and one["apiVersion"] == "monitoring.coreos.com/v1"
    ]
    assert {one["kind"] for one in objects} == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    made = configuration(objects, HTTP)
    assert made.refusals == ()
    promtool(tmp_path, dict(made.files))


def shipped_rules() -> dict[str, Any]:
    (rules,) = [
        one
        for path in MANIFESTS
        for one in yaml.safe_load_all(path.read_text())
        if one and one["kind"] == "PrometheusRule"
    ]
    spec: dict[str, Any] = rules["spec"]
    return spec


def shipped_alerts() -> list[dict[str, Any]]:
    return [rule for group in shipped_rules()["groups"] for rule in group["rules"] if "alert" in rule]


def test_each_alert_fires_on_what_it_is_for_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(shipped_rules()))
    cases = yaml.safe_load(ALERT_CASES.read_text())
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(cases))
    program = shutil.which("promtool")
    assert program, "promtool is missing; apt-get install prometheus"
    done = subprocess.run(
        [program, "test", "rules", "cases.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tried = [one for case in cases["tests"] for one in case["alert_rule_test"]]
    for fires in (True, False):
        assert {one["alertname"] for one in tried if bool(one.get("exp_alerts")) is fires} == {
            alert["alert"] for alert in shipped_alerts()
        }


def test_every_alert_has_a_severity_and_a_runbook_that_exists() -> None:
    alerts = shipped_alerts()
    assert alerts
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        runbook = alert["annotations"]["runbook_url"]
        page, _, anchor = runbook.partition("/blob/main/")[2].partition("#")
        text = (ROOT / page).read_text()
        assert f"## {alert['alert']}\n" in text
        assert anchor == alert["alert"].lower()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"endpoints": [{"port": "http", "basicAuth": {}}]}, "basicAuth"),
        ({"attachMetadata": {"node": True}}, "attachMetadata"),
        ({"endpoints": [{}]}, "names neither port nor targetPort"),
        ({"selector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}, "Near"),
        ({"endpoints": 7}, "malformed"),
    ],
)
def test_what_has_no_counterpart_is_left_out_by_name_and_takes_nothing_with_it(
    spec: dict, field: str
) -> None:
    bad = monitor(**spec)
    bad["metadata"] = {"name": "bad", "namespace": "monitoring"}
    made = configuration([bad, monitor()], HTTP)
    assert [(one.subject["metadata"]["name"], field in one.reason) for one in made.refusals] == [
        ("bad", True)
    ]
    jobs = [one["job_name"] for one in yaml.safe_load(made.files["prometheus.yml"])["scrape_configs"]]
    assert jobs == ["serviceMonitor/monitoring/worker-node/0"]


def test_the_order_of_the_objects_does_not_matter() -> None:
    objects = [monitor(), monitor("PodMonitor")]
    assert configuration(objects, HTTP) == configuration(reversed(objects), HTTP)


SLICE = {
    "metadata": {
        "name": "worker-node-x",
        "namespace": "auto-stack",
        "labels": {"kubernetes.io/service-name": "worker-node"},
    },
    "endpoints": [
        {
            "addresses": ["127.1.0.5"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": "worker-node-a"},
        }
    ],
    "ports": [{"name": "http", "port": 8000, "protocol": "TCP"}],
}
SERVICE = {
    "metadata": {"name": "worker-node", "namespace": "auto-stack", "labels": {"app.kubernetes.io/name": "w"}}
}
POD = {
    "metadata": {"name": "worker-node-a", "namespace": "auto-stack", "uid": "u", "labels": {"a-b/c": "d"}},
    "spec": {"containers": [{"name": "worker", "ports": [{"name": "http", "containerPort": 8000}]}]},
    "status": {"phase": "Running", "podIP": "127.1.0.5", "conditions": [{"type": "Ready", "status": "True"}]},
}


def test_a_target_has_kubernetes_own_meta_labels() -> None:
    key = ("auto-stack", "worker-node")
    (target,) = endpointslice_targets([SLICE], {key: SERVICE}, {("auto-stack", "worker-node-a"): POD})
    assert target["targets"] == ["127.1.0.5:8000"]
    expected = {
        "__meta_kubernetes_namespace": "auto-stack",
        "__meta_kubernetes_service_name": "worker-node",
        "__meta_kubernetes_service_label_app_kubernetes_io_name": "w",
        "__meta_kubernetes_service_labelpresent_app_kubernetes_io_name": "true",
        "__meta_kubernetes_endpointslice_port_name": "http",
        "__meta_kubernetes_pod_name": "worker-node-a",
        "__meta_kubernetes_pod_label_a_b_c": "d",
        "__meta_kubernetes_pod_ready": "true",
        "__meta_kubernetes_pod_container_name": "worker",
    }
    assert expected.items() <= target["labels"].items()
    assert all(isinstance(value, str) for value in target["labels"].values())
    json.dumps(target)


def test_a_pod_without_an_address_is_no_target() -> None:
    waiting = POD | {"status": {"phase": "Pending"}}
    assert [one["targets"] for one in pod_targets([POD, waiting])] == [["127.1.0.5:8000"]]
