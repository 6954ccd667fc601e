"""How commands find their cluster: by `--cluster`, by $KUBECONFIG, else by the default name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autostack.errors import UnavailableError

if TYPE_CHECKING:
    from lightkube import AsyncClient

ClusterName = Annotated[
    str | None,
    typer.Option("--cluster", help="Which local cluster; by default $AUTOSTACK_CLUSTER or `default`."),
]
Ingress = Annotated[
    str | None, typer.Option("--ingress", help="Where Traefik listens, e.g. http://127.0.0.1:8080.")
]


def cluster_name(given: str | None) -> str:
    """The cluster that a command is for."""
    return given or os.environ.get("AUTOSTACK_CLUSTER") or "default"


def cluster_folder(name: str) -> Path:
    """Where a local cluster keeps its state."""
    home = os.environ.get("AUTOSTACK_HOME")
    return (Path(home) if home else Path.home() / ".autostack") / "clusters" / name


def kubeconfig_path(cluster: str | None) -> Path:
    """The kubeconfig: an explicit cluster wins, then $KUBECONFIG, then the default cluster's."""
    if cluster is None and (given := os.environ.get("KUBECONFIG")):
        return Path(given)
    name = cluster_name(cluster)
    path = cluster_folder(name) / "kubeconfig"
    if not path.exists():
        raise UnavailableError(
            f"there is no cluster {name!r} ({path} is missing); `autostack up` makes one, or set KUBECONFIG"
        )
    return path


def local_cluster(cluster: str | None) -> str | None:
    """The local cluster that a command is for; None when $KUBECONFIG leads to another, which has no folder
    here.
    """
    if cluster is None and (given := os.environ.get("KUBECONFIG")):
        folder = Path(given).resolve().parent
        return folder.name if folder == cluster_folder(folder.name).resolve() else None
    return cluster_name(cluster)


def server(cluster: str | None) -> str:
    """The address of the cluster's API."""
    return str(connect(cluster).config.cluster.server)


def connect(cluster: str | None) -> AsyncClient:
    """A client of the cluster's API."""
    from lightkube import AsyncClient, KubeConfig
    from lightkube.core.exceptions import ConfigError

    path = kubeconfig_path(cluster)
    try:
        return AsyncClient(config=KubeConfig.from_file(path))
    except (ConfigError, OSError, ValueError, KeyError) as error:
        raise UnavailableError(f"{path} is not a usable kubeconfig: {str(error)[:200]}") from error


def ingress_url(given: str | None, cluster: str | None) -> str:
    """Where the system answers: as told, as `up` wrote it down, or at the default port of either setting."""
    if given:
        return given
    name = local_cluster(cluster)
    if name is None:
        return "http://127.0.0.1"
    try:
        return (cluster_folder(name) / "ingress-url").read_text().strip()
    except OSError:
        return "http://127.0.0.1:8080"
