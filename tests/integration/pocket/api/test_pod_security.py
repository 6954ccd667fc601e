"""The labels of a namespace decide which pods it takes."""

from __future__ import annotations

from typing import Any

import pytest
from harness.pocket_api import HttpsCluster

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.client import Resource
from autostack.pocket.errors import ApiError

NAMESPACES = Resource("", "v1", "namespaces")
PODS = Resource("", "v1", "pods")
PREFIX = "pod-security.kubernetes.io/"


def reaching_out(name: str) -> dict[str, Any]:
    volume = {"name": "root", "hostPath": {"path": "/"}}
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "busybox"}], "volumes": [volume]},
    }


async def test_an_enforced_namespace_refuses_a_pod_that_reaches_the_host(pocket_api: ApiServer) -> None:
    client = pocket_api.client()
    for level in ("baseline", "restricted"):
        labels = {f"{PREFIX}enforce": level}
        await client.create(NAMESPACES, {"metadata": {"name": level, "labels": labels}})
        with pytest.raises(ApiError) as refused:
            await client.create(PODS, reaching_out("out"), level)
        assert refused.value.code == 403
        assert f'violates PodSecurity "{level}:latest": ' in refused.value.message
        assert "hostPath volumes (root)" in refused.value.message
    for open_to_all in ("kube-system", "default"):
        await client.create(PODS, reaching_out("out"), open_to_all)


async def test_a_label_that_names_no_level_is_refused(pocket_api: ApiServer) -> None:
    labels = {f"{PREFIX}enforce": "strict"}
    with pytest.raises(ApiError) as refused:
        await pocket_api.client().create(NAMESPACES, {"metadata": {"name": "odd", "labels": labels}})
    assert refused.value.code == 422
    assert "must be one of privileged, baseline, restricted" in refused.value.message


async def test_the_author_of_a_template_is_warned_and_its_pods_are_refused(
    pocket_https: HttpsCluster,
) -> None:
    await pocket_https.ok("create", "namespace", "strict")
    await pocket_https.ok(
        "label", "namespace", "strict", f"{PREFIX}enforce=restricted", f"{PREFIX}warn=restricted"
    )
    made = await pocket_https.kubectl("create", "deployment", "web", "--image=busybox", "-n", "strict")
    assert made.code == 0
    assert 'would violate PodSecurity "restricted:latest"' in made.err
    refused = await pocket_https.kubectl("run", "web", "--image=busybox", "-n", "strict")
    assert refused.code == 1
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in refused.err
    told = await pocket_https.kubectl("label", "namespace", "strict", f"{PREFIX}audit=baseline")
    assert "has no effect in a pocket cluster" in told.err
