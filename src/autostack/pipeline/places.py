"""Where the pipeline keeps its things for one cluster; see "Names and places" in the contracts. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BRANCH = "main"
"""The branch of the origin that is built and released."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files under one cluster's folder, and the cache that all clusters share."""

    cluster: Path
    cache: Path

    @property
    def origin(self) -> Path:
        """The bare repository that is pushed to."""
        return self.cluster / "origin.git"

    @property
    def registry(self) -> Path:
        """The folder of OCI layouts."""
        return self.cluster / "registry"

    @property
    def kubeconfig(self) -> Path:
        """How to reach the cluster."""
        return self.cluster / "kubeconfig"

    @property
    def ci(self) -> Path:
        """Runs, logs, checkouts and images that have no name yet."""
        return self.cluster / "ci"

    @property
    def built(self) -> Path:
        """Images that are built and not pushed."""
        return self.ci / "built"

    @property
    def kept(self) -> Path:
        """What one run of the tests leaves for the next."""
        return self.ci / "kept"


def places(environment: Mapping[str, str] = os.environ, cluster: str | None = None) -> Places:
    """The places of the named cluster, by default of $AUTOSTACK_CLUSTER in $AUTOSTACK_HOME."""
    home = Path(environment.get("AUTOSTACK_HOME") or Path.home() / ".autostack")
    name = cluster or environment.get("AUTOSTACK_CLUSTER") or "default"
    return Places(home / "clusters" / name, home / "cache")


def places_of(cluster_folder: Path) -> Places:
    """The places of a cluster given by its folder, which is `<home>/clusters/<name>`."""
    return Places(cluster_folder, cluster_folder.parent.parent / "cache")
