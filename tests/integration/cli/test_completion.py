"""Completion as people have it: installed by the command, loaded by the real shell, asked for a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BASH = """
. ~/.bashrc
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_autostack_completion autostack
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# zsh's own `_arguments` works in its line editor only; what it is given is what it would offer.
ZSH = """
compdef() {{ }}
_arguments() {{ print -r -- "$@" }}
. ~/.zfunc/_autostack
words=({words}) CURRENT=$#words
_autostack_completion
"""
FISH = 'complete -C "{words}"'
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@pytest.fixture(params=sorted(SCRIPTS))
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """A shell, and the environment of a person who has installed the completion in it."""
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
    }
    # `; true` keeps the shell there to be recognised, as it is when a person types into it.
    told = _run(request.param, "autostack --install-completion; true", environment)
    assert "completion installed" in told
    return request.param, environment


def _run(shell: str, script: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [shell, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"), [("autostack ch", {"chaos"}), ("autostack chaos st", {"start", "stop", "status"})]
)
def test_a_shell_offers_the_words_that_go_on(
    shell: tuple[str, dict[str, str]], typed: str, offered: set[str]
) -> None:
    name, environment = shell
    said = _run(name, SCRIPTS[name].format(words=typed), environment)
    for word in offered:
        assert word in said
    assert "prove" not in said
