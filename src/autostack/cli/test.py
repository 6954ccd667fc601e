"""`autostack test`: what must be green before a change is pushed, and what CI runs, in the same words."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from autostack.cli.grouping import group

app = group()


@app.command()
def test(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help="lint, types, unit, integration, browser, e2e; all of them when none is named."),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Run the later parts after a failure.")
    ] = False,
) -> None:
    """Run the linters, the type checker and the tests, or a part of them."""
    from autostack.checks import run_parts

    sys.exit(run_parts(parts or [], keep_going=keep_going))
