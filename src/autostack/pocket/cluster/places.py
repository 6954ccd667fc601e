"""Where one cluster keeps its things. Pure paths; `docs/contracts.md` names those that others rely on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autostack.pocket.cluster.errors import ClusterError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ClusterPlaces:
    """The paths of the cluster `name`."""

    home: Path
    name: str

    @property
    def folder(self) -> Path:
        """Everything of the cluster."""
        return self.home / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        """How clients reach it."""
        return self.folder / "kubeconfig"

    @property
    def registry(self) -> Path:
        """The built images, an OCI layout per repository."""
        return self.folder / "registry"

    @property
    def pocket(self) -> Path:
        """The control plane's own state."""
        return self.folder / "pocket"

    @property
    def network(self) -> Path:
        """Which addresses are the cluster's."""
        return self.pocket / "network.json"

    @property
    def node_name(self) -> Path:
        """What the node is called, which volumes and pods are bound to."""
        return self.pocket / "node-name"

    @property
    def settings(self) -> Path:
        """What was asked for at a start and holds until something else is asked for."""
        return self.pocket / "settings.json"

    @property
    def proxy(self) -> Path:
        """The service proxy's socket and log."""
        return self.pocket / "proxy"

    @property
    def volumes(self) -> Path:
        """The persistent volumes."""
        return self.pocket / "volumes"

    @property
    def lock(self) -> Path:
        """Locked by the control plane for as long as it lives."""
        return self.pocket / "lock"

    @property
    def state(self) -> Path:
        """What the control plane tells of itself: its PID and whether it is ready."""
        return self.pocket / "state.json"

    @property
    def log(self) -> Path:
        """The control plane's log."""
        return self.pocket / "control-plane.log"

    @property
    def node(self) -> Path:
        """The kubelet's folder."""
        return self.pocket / "node"

    @property
    def images(self) -> Path:
        """Unpacked images, shared by all clusters, as they are named by their content."""
        return self.home / "cache" / "images"


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """$AUTOSTACK_HOME, or ~/.autostack."""
    return Path(environment.get("AUTOSTACK_HOME") or Path.home() / ".autostack").absolute()


def places_of(name: str | None = None, environment: Mapping[str, str] = os.environ) -> ClusterPlaces:
    """The places of a cluster, by default of $AUTOSTACK_CLUSTER; raises ClusterError for a bad name."""
    chosen = name or environment.get("AUTOSTACK_CLUSTER") or "default"
    if not _NAME.fullmatch(chosen):
        raise ClusterError(f"cluster name {chosen!r}: use up to 40 lower-case letters, digits and dashes")
    return ClusterPlaces(home_folder(environment), chosen)


def known_clusters(home: Path) -> list[str]:
    """The names of all clusters that have a control plane's state."""
    return sorted(state.parent.name for state in (home / "clusters").glob("*/pocket"))
