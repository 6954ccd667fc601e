"""The Pod Security Standards, check by check, and that what Auto-Stack ships meets the strictest."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.pocket.apiserver.pod_security import violations

MANIFESTS = Path(__file__).resolve().parents[4] / "k8s-manifests"
RESTRICTED: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "main",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
    "volumes": [{"name": "data", "emptyDir": {}}, {"name": "claim", "persistentVolumeClaim": {}}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The restricted pod with one field set, or taken away by None."""
    spec = copy.deepcopy(RESTRICTED)
    *parents, last = path.split(".")
    inside: Any = spec
    for part in parents:
        inside = inside[int(part)] if isinstance(inside, list) else inside.setdefault(part, {})
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return spec


def test_a_restricted_pod_may_run_anywhere() -> None:
    assert violations(RESTRICTED, "restricted") == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("hostNetwork", True, "host namespaces (hostNetwork=true)"),
        ("hostPID", True, "host namespaces (hostPID=true)"),
        ("hostIPC", True, "host namespaces (hostIPC=true)"),
        ("volumes", [{"name": "root", "hostPath": {"path": "/"}}], "hostPath volumes (root)"),
        ("containers.0.securityContext.privileged", True, 'privileged (container "main"'),
        ("containers.0.securityContext.capabilities.add", ["SYS_ADMIN"], 'must not include "SYS_ADMIN"'),
        ("containers.0.securityContext.seccompProfile", {"type": "Unconfined"}, "seccompProfile"),
        ("securityContext.seccompProfile.type", "Unconfined", "seccompProfile (pod"),
        ("securityContext.appArmorProfile", {"type": "Unconfined"}, "AppArmor"),
        ("securityContext.seLinuxOptions", {"type": "spc_t"}, "seLinuxOptions"),
        ("securityContext.sysctls", [{"name": "kernel.core_pattern", "value": "|/x"}], "kernel.core_pattern"),
        ("containers.0.securityContext.procMount", "Unmasked", "procMount"),
        ("containers.0.ports", [{"containerPort": 80, "hostPort": 80}], "hostPort"),
        ("containers.0.livenessProbe", {"httpGet": {"port": 80, "host": "10.0.0.1"}}, "host"),
        ("initContainers", [{"name": "i", "securityContext": {"privileged": True}}], 'container "i"'),
    ],
)
def test_baseline_and_restricted_refuse_what_reaches_the_host(path: str, value: Any, words: str) -> None:
    spec = changed(path, value)
    for level in ("baseline", "restricted"):
        assert any(words in found for found in violations(spec, level)), (level, violations(spec, level))
    assert violations(spec, "privileged") == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("securityContext.runAsNonRoot", None, "runAsNonRoot != true"),
        ("securityContext.runAsNonRoot", False, "runAsNonRoot != true"),
        ("containers.0.securityContext.runAsNonRoot", False, "runAsNonRoot != true"),
        ("containers.0.securityContext.runAsUser", 0, "runAsUser=0"),
        ("containers.0.securityContext.allowPrivilegeEscalation", None, "allowPrivilegeEscalation != false"),
        ("containers.0.securityContext.capabilities", None, "unrestricted capabilities"),
        ("containers.0.securityContext.capabilities.add", ["CHOWN"], "must not add CHOWN"),
        ("securityContext.seccompProfile", None, "seccompProfile (pod or container"),
        ("volumes", [{"name": "share", "nfs": {}}], "restricted volume types"),
        ("initContainers", [{"name": "i"}], 'container "i"'),
    ],
)
def test_only_restricted_asks_for_more_than_nothing(path: str, value: Any, words: str) -> None:
    spec = changed(path, value)
    assert violations(spec, "baseline") == []
    assert any(words in found for found in violations(spec, "restricted")), violations(spec, "restricted")


def test_every_workload_of_the_application_is_restricted() -> None:
    found = {}
    for file in sorted(MANIFESTS.glob("*.yaml")):
        for obj in yaml.safe_load_all(file.read_text()):
            spec = (obj or {}).get("spec") or {}
            template = (spec.get("jobTemplate") or {}).get("spec", spec).get("template")
            if template:
                found[obj["metadata"]["name"]] = violations(template["spec"], "restricted")
    assert len(found) > 5
    assert not any(found.values()), found
