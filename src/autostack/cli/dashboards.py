"""`autostack dashboards`: write the Grafana dashboards from code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autostack.cli.grouping import group

app = group()


@app.command()
def dashboards(
    checkout: Annotated[Path, typer.Option("--checkout", help="The repository to write into.")] = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when the file differs.")
    ] = False,
) -> None:
    """Write the dashboards' ConfigMap from code."""
    from autostack.observability.dashboards.shipping import FILE, config_map
    from autostack.observability.dashboards.shipping import dashboards as build

    path, content = checkout / FILE, config_map(build())
    if path.is_file() and path.read_text() == content:
        typer.echo(f"{FILE} is up to date")
    elif check:
        typer.echo(f"{FILE} differs from the code; run: autostack dashboards", err=True)
        sys.exit(1)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        typer.echo(f"wrote {FILE}")
