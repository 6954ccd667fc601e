"""What the parts of the command tree share: plain help, --json, and no options that only the root can serve.

Help is plain text, as the root's is: it is the same in a pipe and costs no import of rich. Completion is
installed and shown by the root for all.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SENTENCE_CHARACTERS = 200


class Described(TyperGroup):
    """A group whose commands are listed with their whole first sentence, wrapped and not cut off."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in the help page."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(_SENTENCE_CHARACTERS))
                    for name, command in found
                    if command
                ]
            )


def group(help_text: str | None = None) -> typer.Typer:
    """A group with a help of its own, or (without one) a module's commands, each taken by its name."""
    return typer.Typer(
        cls=Described,
        help=help_text,
        no_args_is_help=help_text is not None,
        add_completion=False,
        rich_markup_mode=None,
    )
