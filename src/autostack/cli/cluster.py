"""`autostack cluster`: the pocket cluster's process and data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from autostack.cli.grouping import AsJson, group
from autostack.errors import AutostackError, UsageError

if TYPE_CHECKING:
    from autostack.pocket.cluster.lifecycle import ClusterStatus

app = group("The pocket cluster: start, stop, status, delete.")

Name = Annotated[
    str | None, typer.Option("--name", help="Which cluster; by default $AUTOSTACK_CLUSTER or `default`.")
]


@contextmanager
def _told() -> Iterator[None]:
    """A failure of the pocket cluster is one line and an exit code."""
    from autostack.pocket.errors import PocketError

    try:
        yield
    except PocketError as error:
        raise AutostackError(str(error)) from error


def _print(found: ClusterStatus, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    typer.echo(
        f"{found.name}: {found.state}" + (f" at {found.server} (pid {found.pid})" if found.pid else "")
    )
    if found.state in ("running", "starting"):
        typer.echo(f"  KUBECONFIG={found.kubeconfig}")
    if found.sandboxes:
        typer.echo(f"  {found.sandboxes} containers run")


@app.command()
def start(
    name: Name = None,
    ingress_port: Annotated[
        int | None,
        typer.Option("--ingress-port", min=1024, max=65535, help="Run Traefik at this port of 127.0.0.1."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the cluster and wait until it is ready; a running one is left alone."""
    from autostack.pocket.cluster import lifecycle
    from autostack.pocket.cluster.places import places_of

    with _told():
        _print(lifecycle.start(places_of(name), ingress_port=ingress_port), as_json=as_json)


@app.command()
def stop(
    name: Name = None,
    keep_pods: Annotated[
        bool, typer.Option("--keep-pods", help="End only the control plane; the next start adopts the pods.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Stop the pods gracefully, then the control plane; all objects and data stay."""
    from autostack.pocket.cluster import lifecycle
    from autostack.pocket.cluster.places import places_of

    with _told():
        places = places_of(name)
        lifecycle.stop(places, keep_pods=keep_pods)
        _print(lifecycle.status(places), as_json=as_json)


@app.command()
def status(name: Name = None, as_json: AsJson = False) -> None:
    """Show a cluster, or all of them."""
    from autostack.pocket.cluster import lifecycle
    from autostack.pocket.cluster.places import home_folder, known_clusters, places_of

    with _told():
        names: list[str | None] = [name] if name else [*known_clusters(home_folder())] or [None]
        found = [lifecycle.status(places_of(one)) for one in names]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        _print(one, as_json=False)


@app.command()
def delete(
    name: Name = None, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Stop the cluster and remove all of its state: objects, volumes, registry, repository, logs."""
    from autostack.pocket.cluster import lifecycle
    from autostack.pocket.cluster.places import places_of

    with _told():
        places = places_of(name)
        if not places.folder.exists():
            typer.echo(f"{places.name}: there is no such cluster")
            return
        if not yes and not typer.confirm(
            f"Remove the cluster {places.name!r} and everything in {places.folder}?"
        ):
            raise UsageError("nothing was removed")
        lifecycle.delete(places)
    typer.echo(f"{places.name}: removed")
