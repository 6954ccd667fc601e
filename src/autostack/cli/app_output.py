"""How `autostack app` prints: argocd's `-o json|yaml|wide|name|tree|id`.

Tables are for people; in a pipe the same is plain columns.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

Output = Annotated[
    str, typer.Option("-o", "--output", help="json or yaml; wide is the table. Some commands have more.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; the same as -o json.")]


def output_format(chosen: str, *more: str, as_json: bool) -> str:
    """The format: json, yaml, wide or one of `more`; UsageError for another."""
    from autostack.errors import UsageError

    known = ("wide", "json", "yaml", *more)
    if chosen not in known:
        raise UsageError(f"-o {chosen!r}: this command prints {', '.join(known)}")
    return "json" if as_json else chosen


def print_document(value: Any, form: str) -> bool:
    """Print a value as json or yaml; False when another format is wanted."""
    if form == "json":
        typer.echo(json.dumps(value, indent=2))
    elif form == "yaml":
        import yaml

        typer.echo(yaml.safe_dump(value, sort_keys=False), nl=False)
    return form in {"json", "yaml"}


def print_table(header: list[str], rows: list[list[str]]) -> None:
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


def policy(spec: dict[str, Any]) -> str:
    """The sync policy in a word."""
    automated = (spec.get("syncPolicy") or {}).get("automated")
    if automated is None or automated.get("enabled") is False:
        return "Manual"
    return "Auto-Prune" if automated.get("prune") else "Auto"


def list_row(found: dict[str, Any]) -> list[str]:
    """One Application's line in the list."""
    spec, status = found["spec"], found.get("status") or {}
    source = spec.get("source") or {}
    return [
        found["metadata"]["name"],
        spec.get("project", ""),
        (status.get("sync") or {}).get("status", "Unknown"),
        (status.get("health") or {}).get("status", "Unknown"),
        policy(spec),
        ", ".join(sorted({entry["type"] for entry in status.get("conditions") or []})) or "<none>",
        source.get("repoURL", ""),
        source.get("path", ""),
        source.get("targetRevision", ""),
    ]


def facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What `get` says above the table of resources."""
    spec, status = found["spec"], found.get("status") or {}
    source, operation = spec.get("source") or {}, status.get("operationState") or {}
    sync = status.get("sync") or {}
    told = [
        ("Name", f"{found['metadata']['namespace']}/{found['metadata']['name']}"),
        ("Project", spec.get("project", "")),
        ("Namespace", (spec.get("destination") or {}).get("namespace", "")),
        ("Repo", source.get("repoURL", "")),
        ("Target", source.get("targetRevision", "HEAD")),
        ("Path", source.get("path", "")),
        ("Sync Policy", policy(spec)),
        ("Sync Status", f"{sync.get('status', 'Unknown')} ({sync.get('revision', '')[:12]})"),
        ("Health Status", (status.get("health") or {}).get("status", "Unknown")),
    ]
    if operation:
        told.append(("Operation", f"{operation.get('phase')}: {operation.get('message', '')}"))
    return told + [
        ("Condition", f"{one['type']}: {one['message']}") for one in status.get("conditions") or []
    ]


def resource_rows(found: dict[str, Any]) -> list[list[str]]:
    """The table of resources, with what the last sync said of each."""
    status = found.get("status") or {}
    results = ((status.get("operationState") or {}).get("syncResult") or {}).get("resources") or []
    messages = {
        (one["group"], one["kind"], one["namespace"], one["name"]): one.get("message", "") for one in results
    }
    rows = []
    for one in status.get("resources") or []:
        key = (one.get("group", ""), one["kind"], one.get("namespace", ""), one["name"])
        health = one.get("health") or {}
        hook, message = "Hook" if one.get("hook") else "", health.get("message") or messages.get(key, "")
        rows.append([*key, one.get("status", ""), health.get("status", ""), hook, message])
    return rows


def initiator(entry: dict[str, Any]) -> str:
    """Who started a deployment."""
    who = entry.get("initiatedBy") or {}
    return "automated sync policy" if who.get("automated") else who.get("username", "")


def print_operation(found: dict[str, Any], form: str, *, ended: bool) -> None:
    """What became of an operation; exits 1 when it failed."""
    state = (found.get("status") or {}).get("operationState") or {}
    if not print_document(state if ended else found.get("operation"), form):
        _tell_operation(state if ended else None)
    if ended and state.get("phase") != "Succeeded":
        raise typer.Exit(1)


def _tell_operation(state: dict[str, Any] | None) -> None:
    if state is None:
        typer.echo("sync requested")
        return
    typer.echo(f"{state.get('phase')}: {state.get('message', '')}")
    fields = ("group", "kind", "namespace", "name", "status", "message")
    results = (state.get("syncResult") or {}).get("resources") or []
    print_table(
        [name.upper() for name in fields], [[one.get(name, "") for name in fields] for one in results]
    )


def print_lines(texts: list[str]) -> None:
    """One line each."""
    for text in texts:
        typer.echo(text)
