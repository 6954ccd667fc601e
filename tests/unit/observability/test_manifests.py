"""The manifests of the monitoring fit Kubernetes' schemas and point at each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "src" / "autostack" / "observability" / "manifests"
OBJECTS: list[dict[str, Any]] = [
    one for path in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())
]
OF_KUBERNETES = [one for one in OBJECTS if "monitoring.coreos.com" not in one["apiVersion"]]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] == kind}


@pytest.mark.parametrize("one", OF_KUBERNETES, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_it_fits_the_schema_of_a_current_kubernetes(one: dict[str, Any]) -> None:
    kubernetes_validate.validate(one, "1.37", strict=True)


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_selectors_match_labels_and_probes_name_ports(kind: str) -> None:
    for one in named(kind).values():
        pod = one["spec"]["template"]
        assert one["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        for container in pod["spec"]["containers"]:
            ports = {port["name"] for port in container["ports"]}
            probes = [container[probe] for probe in container if probe.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes} <= ports
            assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_service_selects_the_pod_and_the_ingress_the_service() -> None:
    service, pod = named("Service")["prometheus"], named("Deployment")["prometheus"]["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    (path,) = named("Ingress")["prometheus"]["spec"]["rules"][0]["http"]["paths"]
    backend = path["backend"]["service"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
