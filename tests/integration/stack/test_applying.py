"""Applying the platform to a served Kubernetes API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness.pocket_api import HttpsCluster, https_cluster
from lightkube import AsyncClient, KubeConfig

from autostack.errors import AutostackError
from autostack.stack.applying import apply_all


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    async with https_cluster(tmp_path / "cluster") as served:
        yield served


@pytest.fixture
async def client(cluster: HttpsCluster) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(KubeConfig.from_file(str(cluster.kubeconfig)), trust_env=False) as made:
        yield made


def definition(plural: str, kind: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def of_kind(kind: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "example.org/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shelf"},
    }


async def test_objects_of_new_kinds_may_stand_before_their_definitions_and_namespace(
    cluster: HttpsCluster, client: AsyncClient
) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shelf"}}
    documents = [
        of_kind("Book", "one"),
        of_kind("Map", "two"),
        definition("books", "Book"),
        definition("maps", "Map"),
        namespace,
        namespace,
    ]
    for _ in range(2):  # doing it again changes nothing
        await apply_all(client, documents)
    assert await cluster.ok("get", "books,maps", "-n", "shelf", "-o", "name") == (
        "book.example.org/one\nmap.example.org/two\n"
    )


async def test_an_object_that_is_refused_is_named(client: AsyncClient) -> None:
    nowhere = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "absent"}}
    with pytest.raises(AutostackError, match="ConfigMap a was refused"):
        await apply_all(client, [nowhere])
