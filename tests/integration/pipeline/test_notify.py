"""A push wakes the GitOps controller through the Kubernetes API."""

from __future__ import annotations

import asyncio
from pathlib import Path

import yaml
from harness.pocket_api import https_cluster

from autostack.pipeline.notify import request_refresh

APPLICATIONS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "applications.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "scope": "Namespaced",
        "names": {"kind": "Application", "plural": "applications", "singular": "application"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}
APPLICATION = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "auto-stack", "namespace": "argocd"},
    "spec": {"project": "default"},
}


async def test_every_application_gets_the_refresh_annotation(tmp_path: Path) -> None:
    async with https_cluster(tmp_path / "cluster") as cluster:
        await cluster.ok("create", "namespace", "argocd")
        await cluster.ok("apply", "-f", "-", stdin=yaml.safe_dump(APPLICATIONS))
        assert (
            await asyncio.to_thread(request_refresh, cluster.kubeconfig)
            == "the cluster has no Application yet"
        )
        await cluster.ok("apply", "-f", "-", stdin=yaml.safe_dump(APPLICATION))
        assert await asyncio.to_thread(request_refresh, cluster.kubeconfig) == "asked to look: auto-stack"
        path = r"jsonpath={.metadata.annotations.argocd\.argoproj\.io/refresh}"
        assert await cluster.ok("get", "application", "auto-stack", "-n", "argocd", "-o", path) == "normal"


def test_a_cluster_that_is_away_does_not_fail_the_push(tmp_path: Path) -> None:
    assert "no cluster yet" in request_refresh(tmp_path / "kubeconfig")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    assert "could not be told" in request_refresh(tmp_path / "kubeconfig")
