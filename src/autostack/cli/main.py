"""The command tree, as data: a command's module is imported only when that command runs.

Start-up time is what a person feels at every call, so nothing here imports more than click until the
word on the command line says what is needed. Each module offers `app` (a typer.Typer with one or several commands).
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import click
import typer
from typer.core import TyperGroup
from typer.main import get_command

from autostack.errors import AutostackError


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the command line: where it lives, what it does in one line, and its panel in the help."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "up": Entry("autostack.cli.stack", "Bring the whole system up and wait until it works."),
    "down": Entry("autostack.cli.stack", "Stop the system; its data stays unless --purge."),
    "status": Entry("autostack.cli.stack", "Show cluster, applications, versions, traffic and the last run."),
    "demo": Entry("autostack.cli.demo", "The whole story, narrated: up, push, rollout, chaos, proof."),
    "app": Entry("autostack.cli.app", "Applications of the GitOps controller: list, get, diff, sync, …"),
    "ci": Entry("autostack.cli.ci", "The pipeline: plan, test, build, push, bump, run, runs."),
    "chaos": Entry("autostack.cli.chaos", "Start, stop and watch the chaos agent."),
    "prove": Entry("autostack.cli.prove", "Attack the running system and audit that nothing was lost."),
    "cluster": Entry("autostack.cli.cluster", "The pocket cluster: start, stop, status, delete."),
    "kubectl": Entry("autostack.cli.kubectl", "kubectl with the cluster's kubeconfig."),
    "bench": Entry("autostack.cli.bench", "Benchmarks, each beside its reference."),
    "test": Entry("autostack.cli.test", "Linters, types and tests; or a part of them."),
    "doctor": Entry("autostack.cli.doctor", "What this machine lacks, and how to get it."),
    "dashboards": Entry("autostack.cli.dashboards", "Write the Grafana dashboards from code."),
}


class LazyGroup(TyperGroup):
    """Resolves a command by importing its module; the help text comes from the table alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is no such word."""
        del ctx
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = get_command(importlib.import_module(entry.module).app)
        if isinstance(command, click.Group) and cmd_name in command.commands:
            command = command.commands[cmd_name]
        command.name = cmd_name
        return command


root = typer.Typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None)


@root.callback()
def _root() -> None:
    """Auto-Stack: a closed GitOps loop on one machine or on K3s."""


def main() -> None:
    """Run the command line; an expected failure is one line on stderr and its documented exit code."""
    try:
        root()
    except AutostackError as error:
        click.echo(f"autostack: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
