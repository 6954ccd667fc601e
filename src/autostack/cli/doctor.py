"""`autostack doctor`: what this machine lacks, and how to get it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from autostack.cli.grouping import group

app = group()


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False) -> None:
    """Check this machine for everything that the system uses; exit 1 when something needed is missing."""
    from autostack.doctor import examine

    findings = examine()
    if as_json:
        typer.echo(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = {"ok": "ok     ", "missing": "MISSING", "optional": "absent "}[finding.state]
            typer.echo(f"{mark}  {finding.name}: {finding.detail}")
            if finding.state != "ok":
                typer.echo(f"         {finding.remedy}")
    sys.exit(any(finding.state == "missing" for finding in findings))
