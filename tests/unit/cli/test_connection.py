"""Which cluster a command is for: what a local cluster keeps is never taken for another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from autostack.cli.connection import ingress_url, local_cluster


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two local clusters, of which `two` has a name of its own for its ingress."""
    for name, port in (("default", 8080), ("two", 8081)):
        folder = tmp_path / "clusters" / name
        folder.mkdir(parents=True)
        (folder / "kubeconfig").touch()
        (folder / "ingress-url").write_text(f"http://127.0.0.1:{port}\n")
    monkeypatch.setenv("AUTOSTACK_HOME", str(tmp_path))
    for name in ("KUBECONFIG", "AUTOSTACK_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_anything_said_it_is_the_default_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (local_cluster(None), ingress_url(None, None)) == ("default", "http://127.0.0.1:8080")
    monkeypatch.setenv("AUTOSTACK_CLUSTER", "two")
    assert (local_cluster(None), ingress_url(None, None)) == ("two", "http://127.0.0.1:8081")


def test_a_kubeconfig_of_elsewhere_has_no_local_cluster(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(home / "k3s.yaml"))
    assert (local_cluster(None), ingress_url(None, None)) == (None, "http://127.0.0.1")
    assert ingress_url("http://node", None) == "http://node"
    assert (local_cluster("two"), ingress_url(None, "two")) == ("two", "http://127.0.0.1:8081")


def test_a_local_cluster_s_own_kubeconfig_is_that_cluster(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(home / "clusters" / "two" / "kubeconfig"))
    assert (local_cluster(None), ingress_url(None, None)) == ("two", "http://127.0.0.1:8081")
