"""`autostack app`: Applications as an argocd user expects them; works with any cluster's kubeconfig.

Exit codes as argocd's: `diff` exits 1 when something differs and 2 on an error; a wait that times out
exits 20.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from autostack.cli.connection import ClusterName, kubeconfig_path
from autostack.cli.grouping import group

if TYPE_CHECKING:
    from autostack.gitops.api import KubernetesApi

T = TypeVar("T")
app = group("Applications of the GitOps controller.")

Name = Annotated[str, typer.Argument(help="The Application.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait at most.")]


def _with_api(cluster: str | None, work: Callable[[KubernetesApi], Coroutine[Any, Any, T]]) -> T:
    from autostack.gitops.api import KubernetesApi

    async def run() -> T:
        async with KubernetesApi.from_environment(kubeconfig=str(kubeconfig_path(cluster))) as api:
            return await work(api)

    return asyncio.run(run())


@app.command("list")
def list_applications(cluster: ClusterName = None, as_json: AsJson = False) -> None:
    """List the Applications."""
    from autostack.gitops.api import APPLICATIONS
    from autostack.gitops.requests import NAMESPACE

    found = _with_api(cluster, lambda api: api.list(APPLICATIONS, NAMESPACE))["items"]
    if as_json:
        return _print_json(found)
    rows = []
    for one in found:
        spec, status = one["spec"], one.get("status") or {}
        source = spec.get("source") or {}
        rows.append(
            [
                one["metadata"]["name"],
                spec.get("project", ""),
                (status.get("sync") or {}).get("status", "Unknown"),
                (status.get("health") or {}).get("status", "Unknown"),
                _policy(spec),
                ", ".join(sorted({entry["type"] for entry in status.get("conditions") or []})) or "<none>",
                source.get("repoURL", ""),
                source.get("path", ""),
                source.get("targetRevision", ""),
            ]
        )
    header = ["NAME", "PROJECT", "STATUS", "HEALTH", "SYNCPOLICY", "CONDITIONS", "REPO", "PATH", "TARGET"]
    return _print_table(header, rows)


@app.command()
def get(
    name: Name,
    refresh: Annotated[bool, typer.Option("--refresh", help="Have Git looked at first.")] = False,
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Show one Application and its resources."""
    from autostack.gitops import requests

    action = requests.refresh if refresh else requests.get
    found = _with_api(cluster, lambda api: action(api, name))
    if as_json:
        return _print_json(found)
    for label, text in _facts(found):
        typer.echo(f"{label + ':':<20}{text}")
    typer.echo("")
    return _print_table(
        ["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"], _resource_rows(found)
    )


@app.command()
def tree(name: Name, cluster: ClusterName = None, as_json: AsJson = False) -> None:
    """Show the resources and what controllers made below them."""
    from autostack.gitops import requests
    from autostack.gitops.tree import branches, lines

    found = _with_api(cluster, lambda api: branches(api, name, requests.get))
    if as_json:
        return _print_json(found)
    for line in lines(found):
        typer.echo(line)
    return None


@app.command()
def diff(
    name: Name,
    revision: Annotated[str, typer.Option("--revision", help="Compare with this revision.")] = "",
    local: Annotated[Path | None, typer.Option("--local", help="Compare with a folder of manifests.")] = None,
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between the cluster and Git; exits 1 when something does."""
    from autostack.errors import AutostackError
    from autostack.gitops import inspection, requests

    async def work(api: KubernetesApi) -> Any:
        return await inspection.differing(api, await requests.get(api, name), revision=revision, local=local)

    try:
        resources = _with_api(cluster, work)
    except AutostackError as error:
        typer.echo(f"autostack: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        _print_json(
            [
                {
                    "group": item.key.group,
                    "kind": item.key.kind,
                    "namespace": item.key.namespace,
                    "name": item.key.name,
                    "differences": [str(one) for one in item.differences],
                }
                for item in resources
            ]
        )
    else:
        for item in resources:
            for line in inspection.unified(item):
                typer.echo(line)
    if resources:
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
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Sync an Application to Git; exits 1 when the sync fails."""
    from autostack.gitops import requests

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

    _print_operation(_with_api(cluster, work), as_json=as_json, ended=wait_for_it)


@app.command()
def history(name: Name, cluster: ClusterName = None, as_json: AsJson = False) -> None:
    """List the deployments."""
    from autostack.gitops import requests

    found = (_with_api(cluster, lambda api: requests.get(api, name)).get("status") or {}).get("history") or []
    if as_json:
        return _print_json(found)
    rows = [[str(one["id"]), one["deployedAt"], one.get("revision", ""), _initiator(one)] for one in found]
    return _print_table(["ID", "DATE", "REVISION", "INITIATED BY"], rows)


@app.command()
def rollback(
    name: Name,
    history_id: Annotated[
        int | None, typer.Argument(help="The deployment's id; by default the one before.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what that deployment did not have.")] = False,
    timeout: Timeout = 300,
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Roll back to an earlier deployment; refused while automated sync is on."""
    from autostack.gitops import requests

    async def work(api: KubernetesApi) -> dict[str, Any]:
        await requests.rollback(api, name, history_id, prune=prune)
        return await requests.until(
            api,
            name,
            lambda one: requests.is_settled(one, synced=False, healthy=False, idle=True),
            timeout,
            "the rollback",
        )

    _print_operation(_with_api(cluster, work), as_json=as_json, ended=True)


@app.command()
def wait(
    name: Name,
    synced: Annotated[bool, typer.Option("--sync", help="Wait until it is Synced.")] = False,
    healthy: Annotated[bool, typer.Option("--health", help="Wait until it is Healthy.")] = False,
    operation: Annotated[bool, typer.Option("--operation", help="Wait until no operation runs.")] = False,
    timeout: Timeout = 300,
    cluster: ClusterName = None,
    as_json: AsJson = False,
) -> None:
    """Wait for an Application; for everything when nothing is named. Exits 20 when the time is up."""
    from autostack.gitops import requests

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
    if as_json:
        return _print_json(found.get("status") or {})
    return typer.echo(f"{name}: {requests.summary(found)}")


def _policy(spec: dict[str, Any]) -> str:
    automated = (spec.get("syncPolicy") or {}).get("automated")
    if automated is None or automated.get("enabled") is False:
        return "Manual"
    return "Auto-Prune" if automated.get("prune") else "Auto"


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    spec, status = found["spec"], found.get("status") or {}
    source, operation = spec.get("source") or {}, status.get("operationState") or {}
    facts = [
        ("Name", f"{found['metadata']['namespace']}/{found['metadata']['name']}"),
        ("Project", spec.get("project", "")),
        ("Namespace", (spec.get("destination") or {}).get("namespace", "")),
        ("Repo", source.get("repoURL", "")),
        ("Target", source.get("targetRevision", "HEAD")),
        ("Path", source.get("path", "")),
        ("Sync Policy", _policy(spec)),
        (
            "Sync Status",
            (
                f"{(status.get('sync') or {}).get('status', 'Unknown')} "
                f"({(status.get('sync') or {}).get('revision', '')[:12]})"
            ),
        ),
        ("Health Status", (status.get("health") or {}).get("status", "Unknown")),
    ]
    if operation:
        facts.append(("Operation", f"{operation.get('phase')}: {operation.get('message', '')}"))
    return facts + [
        ("Condition", f"{one['type']}: {one['message']}") for one in status.get("conditions") or []
    ]


def _resource_rows(found: dict[str, Any]) -> list[list[str]]:
    status = found.get("status") or {}
    results = ((status.get("operationState") or {}).get("syncResult") or {}).get("resources") or []
    messages = {
        (one["group"], one["kind"], one["namespace"], one["name"]): one.get("message", "") for one in results
    }
    rows = []
    for one in status.get("resources") or []:
        key = (one.get("group", ""), one["kind"], one.get("namespace", ""), one["name"])
        health = one.get("health") or {}
        message = health.get("message") or messages.get(key, "")
        rows.append(
            [
                *key,
                one.get("status", ""),
                health.get("status", ""),
                "Hook" if one.get("hook") else "",
                message,
            ]
        )
    return rows


def _resource(text: str) -> dict[str, str]:
    from autostack.errors import UsageError

    parts = text.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise UsageError(
            f"--resource {text!r}: write GROUP:KIND:NAME, e.g. apps:Deployment:worker-node or :Service:x"
        )
    named = {"kind": parts[1], "name": parts[2]}
    return {**named, "group": parts[0]} if parts[0] else named


def _initiator(entry: dict[str, Any]) -> str:
    who = entry.get("initiatedBy") or {}
    return "automated sync policy" if who.get("automated") else who.get("username", "")


def _print_operation(found: dict[str, Any], *, as_json: bool, ended: bool) -> None:
    state = (found.get("status") or {}).get("operationState") or {}
    if as_json:
        _print_json(state if ended else found.get("operation"))
    elif ended:
        typer.echo(f"{state.get('phase')}: {state.get('message', '')}")
        results = (state.get("syncResult") or {}).get("resources") or []
        rows = [
            [
                one["group"],
                one["kind"],
                one["namespace"],
                one["name"],
                one.get("status", ""),
                one.get("message", ""),
            ]
            for one in results
        ]
        _print_table(["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "MESSAGE"], rows)
    else:
        typer.echo("sync requested")
    if ended and state.get("phase") != "Succeeded":
        raise typer.Exit(1)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))


def _print_table(header: list[str], rows: list[list[str]]) -> None:
    """A table with rules and colours on a terminal, plain columns for programs."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*header, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
