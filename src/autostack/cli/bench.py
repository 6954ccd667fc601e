"""`autostack bench <name>`: benchmarks, each a folder in bench/ with its reference beside it.

A benchmark is found, not registered: a folder with a `__main__.py`, whose docstring's first line is its help.
It runs as a process of its own, so that what the command line has imported is not measured; arguments after
its name are passed on.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from autostack.cli.grouping import group
from autostack.errors import UnavailableError

ROOT = Path(__file__).parents[3]

app = group("Benchmarks, each beside its reference.")


def benchmarks(folder: Path) -> dict[str, str]:
    """The benchmarks in a folder, each with its one line of help."""
    return {
        main.parent.name: (ast.get_docstring(ast.parse(main.read_text())) or "").partition("\n")[0]
        for main in sorted(folder.glob("*/__main__.py"))
    }


def _runner(name: str) -> Callable[[typer.Context], None]:
    def run(context: typer.Context) -> None:
        search_path = os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]))
        done = subprocess.run(
            [sys.executable, str(ROOT / "bench" / name), *context.args],
            env={**os.environ, "PYTHONPATH": search_path},
            check=False,
        )
        raise typer.Exit(done.returncode)

    return run


@app.callback()
def _bench() -> None:
    if not (ROOT / "bench").is_dir():
        raise UnavailableError(f"there are no benchmarks in {ROOT}; they are part of the repository only")


for _name, _help in benchmarks(ROOT / "bench").items():
    app.command(
        _name,
        help=_help,
        add_help_option=False,  # the benchmark has its own
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_runner(_name))
