"""`autostack app`: Applications as an argocd user expects them; works with any cluster's kubeconfig.

Exit codes as argocd's: `diff` exits 1 when something differs and 2 on an error; a wait that times out
exits 20.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from autostack.cli.app_output import (
    AsJson,
    Output,
    facts,
    initiator,
    list_row,
    output_format,
    print_document,
    print_lines,
    print_operation,
    print_table,
    resource_rows,
)
from autostack.cli.connection import ClusterName, kubeconfig_path
from autostack.cli.grouping import group

if TYPE_CHECKING:
    from autostack.gitops.api import KubernetesApi

T = TypeVar("T")
app = group("Applications of the GitOps controller.")

Name = Annotated[str, typer.Argument(help="The Application.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait at most.")]


def _with_api(cluster: str | None, work: Callable[[KubernetesApi], Coroutine[Any, Any, T]]) -> T:
    from autostack.gitops.api import KubernetesApi

    async def run() -> T:
        async with KubernetesApi.from_environment(kubeconfig=str(kubeconfig_path(cluster))) as api:
            return await work(api)

    return asyncio.run(run())


@app.command("list")
def list_applications(
    selector: Annotated[str, typer.Option("-l", "--selector", help="Only those with these labels.")] = "",
    project: Annotated[str, typer.Option("-p", "--project", help="Only those of this project.")] = "",
    output: Output = "wide",
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """List the Applications; -o name prints names only."""
    from autostack.gitops.api import APPLICATIONS
    from autostack.gitops.requests import NAMESPACE

    form = output_format(output, "name", as_json=as_json)
    listed = _with_api(cluster, lambda api: api.list(APPLICATIONS, NAMESPACE, label_selector=selector))
    found = [one for one in listed["items"] if project in {"", one["spec"].get("project")}]
    if print_document(found, form):
        return None
    if form == "name":
        return print_lines([f"{NAMESPACE}/{one['metadata']['name']}" for one in found])
    header = ["NAME", "PROJECT", "STATUS", "HEALTH", "SYNCPOLICY", "CONDITIONS", "REPO", "PATH", "TARGET"]
    return print_table(header, [list_row(one) for one in found])


@app.command()
def get(
    name: Name,
    refresh: Annotated[bool, typer.Option("--refresh", help="Have Git looked at first.")] = False,
    hard_refresh: Annotated[
        bool, typer.Option("--hard-refresh", help="The same: nothing of Git is cached but by commit.")
    ] = False,
    output: Output = "wide",
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Show one Application and its resources; -o tree shows what controllers made below them."""
    from autostack.gitops import requests

    form = output_format(output, "tree", "name", as_json=as_json)
    action = requests.refresh if refresh or hard_refresh else requests.get
    found = _with_api(cluster, lambda api: action(api, name))
    if print_document(found, form):
        return None
    if form == "name":
        return typer.echo(f"{found['metadata']['namespace']}/{found['metadata']['name']}")
    print_lines([f"{label + ':':<20}{text}" for label, text in facts(found)])
    typer.echo("")
    if form == "tree":
        return _print_tree(name, cluster)
    header = ["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"]
    return print_table(header, resource_rows(found))


@app.command()
def tree(name: Name, output: Output = "wide", cluster: ClusterName = None, as_json: AsJson = False) -> None:
    """Show the resources and what controllers made below them."""
    _print_tree(name, cluster, output_format(output, as_json=as_json))


def _print_tree(name: str, cluster: str | None, form: str = "wide") -> None:
    from autostack.gitops import requests
    from autostack.gitops.tree import branches, lines

    found = _with_api(cluster, lambda api: branches(api, name, requests.get))
    if not print_document(found, form):
        print_lines(list(lines(found)))


@app.command()
def diff(
    name: Name,
    revision: Annotated[str, typer.Option("--revision", help="Compare with this revision.")] = "",
    local: Annotated[Path | None, typer.Option("--local", help="Compare with a folder of manifests.")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code/--no-exit-code", help="Exit 1 when something differs.")
    ] = True,
    output: Output = "wide",
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between the cluster and Git; exits 1 when something does, 2 on an error."""
    from autostack.errors import AutostackError
    from autostack.gitops import inspection, requests

    form = output_format(output, as_json=as_json)

    async def work(api: KubernetesApi) -> Any:
        return await inspection.differing(api, await requests.get(api, name), revision=revision, local=local)

    try:
        resources = _with_api(cluster, work)
    except AutostackError as error:
        typer.echo(f"autostack: {error}", err=True)
        raise typer.Exit(2) from error
    document = [
        {
            "group": item.key.group,
            "kind": item.key.kind,
            "namespace": item.key.namespace,
            "name": item.key.name,
            "differences": [str(one) for one in item.differences],
        }
        for item in resources
    ]
    if not print_document(document, form):
        for item in resources:
            print_lines(list(inspection.unified(item)))
    if resources and exit_code:
        raise typer.Exit(1)


@app.command()
def sync(
    name: Name,
    revision: Annotated[str, typer.Option("--revision", help="Sync to this revision.")] = "",
    prune: Annotated[bool, typer.Option("--prune", help="Delete what left Git.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only ask the server.")] = False,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", help="Only this one: GROUP:KIND:NAME; may be repeated.")
    ] = None,
    wait_for_it: Annotated[bool, typer.Option("--wait/--async", help="Wait for the end.")] = True,
    timeout: Timeout = 300,
    output: Output = "wide",
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Sync an Application to Git; exits 1 when the sync fails."""
    from autostack.gitops import requests

    form = output_format(output, as_json=as_json)
    asked: dict[str, Any] = {"prune": prune, "dryRun": dry_run}
    if revision:
        asked["revision"] = revision
    if resource:
        asked["resources"] = [_resource(text) for text in resource]

    async def work(api: KubernetesApi) -> dict[str, Any]:
        started = await requests.sync(api, name, asked)
        if not wait_for_it:
            return started
        return await requests.until(
            api,
            name,
            lambda one: requests.is_settled(one, synced=False, healthy=False, idle=True),
            timeout,
            "the sync",
        )

    print_operation(_with_api(cluster, work), form, ended=wait_for_it)


@app.command()
def history(
    name: Name, output: Output = "wide", cluster: ClusterName = None, as_json: AsJson = False
) -> None:
    """List the deployments; -o id prints their ids only."""
    from autostack.gitops import requests

    form = output_format(output, "id", as_json=as_json)
    found = (_with_api(cluster, lambda api: requests.get(api, name)).get("status") or {}).get("history") or []
    if print_document(found, form):
        return None
    if form == "id":
        return print_lines([str(one["id"]) for one in found])
    rows = [[str(one["id"]), one["deployedAt"], one.get("revision", ""), initiator(one)] for one in found]
    return print_table(["ID", "DATE", "REVISION", "INITIATED BY"], rows)


@app.command()
def rollback(
    name: Name,
    history_id: Annotated[
        int | None, typer.Argument(help="The deployment's id; by default the one before.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what that deployment did not have.")] = False,
    timeout: Timeout = 300,
    output: Output = "wide",
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Roll back to an earlier deployment; refused while automated sync is on."""
    from autostack.gitops import requests

    form = output_format(output, as_json=as_json)

    async def work(api: KubernetesApi) -> dict[str, Any]:
        await requests.rollback(api, name, history_id, prune=prune)
        return await requests.until(
            api,
            name,
            lambda one: requests.is_settled(one, synced=False, healthy=False, idle=True),
            timeout,
            "the rollback",
        )

    print_operation(_with_api(cluster, work), form, ended=True)


@app.command()
def wait(
    name: Name,
    synced: Annotated[bool, typer.Option("--sync", help="Wait until it is Synced.")] = False,
    healthy: Annotated[bool, typer.Option("--health", help="Wait until it is Healthy.")] = False,
    operation: Annotated[bool, typer.Option("--operation", help="Wait until no operation runs.")] = False,
    deleted: Annotated[bool, typer.Option("--delete", help="Wait until it is gone.")] = False,
    timeout: Timeout = 300,
    output: Output = "wide",
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Wait for an Application; for everything when nothing is named. Exits 20 when the time is up."""
    from autostack.gitops import requests

    form = output_format(output, as_json=as_json)
    if deleted:
        _with_api(cluster, lambda api: requests.until_gone(api, name, timeout))
        return typer.echo(f"{name}: deleted")
    every = not (synced or healthy or operation)
    found = _with_api(
        cluster,
        lambda api: requests.until(
            api,
            name,
            lambda one: requests.is_settled(
                one, synced=synced or every, healthy=healthy or every, idle=operation or every
            ),
            timeout,
            "the wanted state",
        ),
    )
    if print_document(found.get("status") or {}, form):
        return None
    return typer.echo(f"{name}: {requests.summary(found)}")


def _resource(text: str) -> dict[str, str]:
    from autostack.errors import UsageError

    parts = text.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise UsageError(
            f"--resource {text!r}: write GROUP:KIND:NAME, e.g. apps:Deployment:worker-node or :Service:x"
        )
    named = {"kind": parts[1], "name": parts[2]}
    return {**named, "group": parts[0]} if parts[0] else named
