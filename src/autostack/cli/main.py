"""The command tree, as data: a command's module is imported only when that command runs.

Start-up time is what a person feels at every call, so nothing here imports more than typer until the
word on the command line says what is needed, and the help page is printed from the table alone. Each
module offers `app`, a typer.Typer: a group, or commands of which the one with the word's name is taken.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from autostack.errors import AutostackError


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the command line: where it lives, and what it does in one line."""

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
    """Resolves a command by importing its module; lists and describes commands without doing so."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None when there is no such word."""
        del ctx
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = get_command(importlib.import_module(entry.module).app)
        if isinstance(command, TyperGroup) and cmd_name in command.commands:
            command = command.commands[cmd_name]
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table as it stands; no command is imported to print its one line."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The words that continue what was typed, again without importing a command."""
        from typer._click.shell_completion import CompletionItem  # typer has no public name for it

        items = super().shell_complete(ctx, incomplete) if incomplete.startswith("-") else []
        words = [name for name in COMMANDS if name.startswith(incomplete)]
        return items + [CompletionItem(name, help=COMMANDS[name].help) for name in words]


root = typer.Typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # imported late: it costs 20 ms

        typer.echo(version("autostack"))
        raise typer.Exit


@root.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Auto-Stack: a closed GitOps loop on one machine or on K3s."""
    if os.environ.get("NO_COLOR"):
        context.color = False


def main() -> None:
    """Run the command line; an expected failure is one line on stderr and its documented exit code."""
    try:
        root(prog_name="autostack")
    except AutostackError as error:
        typer.echo(f"autostack: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
