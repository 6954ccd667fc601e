"""The parts of `autostack test`, as data: what each runs and which Debian packages it needs first.

A part is a list of commands that must all succeed. Tests are found by folder: a part named `unit` is
every `tests/unit` folder of the repository, so a new package needs no registration.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autostack.errors import UnavailableError, UsageError

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("service-kit", "worker-node", "traffic-sender", "result-node", "chaos-agent")
# Playwright's Node needs the library, which no package of its own brings.
BROWSER = ("chromium:chromium", "fc-list:fontconfig", "libatomic.so.1:libatomic1")
PROMTOOL = "promtool:prometheus"
# skopeo reads the images that we build, the shells complete our commands.
FULL = (
    "bwrap:bubblewrap",
    "git:git",
    "skopeo:skopeo",
    PROMTOOL,
    "prometheus-node-exporter:prometheus-node-exporter",
    "zsh:zsh",
    "fish:fish",
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its commands, and before them pairs of a program or library that it needs and its package."""

    commands: Callable[[], list[list[str]]]
    needs: tuple[str, ...] = ()


def _python_folders() -> list[str]:
    return [folder for folder in ("src", "tests", "bench", *SERVICES) if (ROOT / folder).is_dir()]


def _lint() -> list[list[str]]:
    dockerfiles = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("*/Dockerfile"))]
    workflows = [str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github/workflows").glob("*.y*ml"))]
    return [
        ["ruff", "check", *_python_folders()],
        ["ruff", "format", "--check", *_python_folders()],
        ["lint-imports"],
        *([["hadolint", *dockerfiles]] if dockerfiles else []),
        *(
            [["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]]
            if workflows
            else []
        ),
        *([["zizmor", "--offline", "--quiet", *workflows]] if workflows else []),
    ]


def _types() -> list[list[str]]:
    return [["mypy"]]


def _pytest(name: str, *options: str) -> Callable[[], list[list[str]]]:
    def commands() -> list[list[str]]:
        folders = [ROOT / "tests" / name, *(ROOT / service / "tests" / name for service in SERVICES)]
        paths = [str(path.relative_to(ROOT)) for path in folders if any(path.rglob("test_*.py"))]
        return [["pytest", *options, *paths]] if paths else []

    return commands


PARTS: dict[str, Part] = {
    "lint": Part(_lint),
    "types": Part(_types),
    "unit": Part(_pytest("unit", "-n", "2"), ("git:git", PROMTOOL)),
    "integration": Part(_pytest("integration", "-n", "3", "--dist", "loadfile"), FULL),
    "browser": Part(_pytest("browser", "-n", "2", "--dist", "loadfile"), BROWSER),
    "e2e": Part(_pytest("e2e"), FULL),
}


def _install(needs: tuple[str, ...]) -> None:
    """Install what is missing by apt, with sudo when not root, saying what."""
    missing = [need.split(":")[1] for need in needs if not _is_there(need.split(":")[0])]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise UnavailableError(f"these tests need {', '.join(missing)}; please install them")
    root = [] if os.geteuid() == 0 else ["sudo"]
    print(f"autostack: installing system packages: {' '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = [*root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    for command in ([*root, "apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UnavailableError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-400:]}")


def _is_there(name: str) -> bool:
    """Whether the program is on the path, or the library can be loaded."""
    if ".so." not in name:
        return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def run_parts(names: list[str], *, keep_going: bool) -> int:
    """Run the named parts, all when none is named; the exit code is 0 only when every command succeeded."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise UsageError(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    failed: list[str] = []
    for name in names or list(PARTS):
        part = PARTS[name]
        _install(part.needs)
        started = time.monotonic()
        for command in part.commands():
            print(f"\n── {name}: {' '.join(command)}", flush=True)
            if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
                failed.append(f"{name}: {command[0]}")
                if not keep_going:
                    break
        print(f"── {name}: {time.monotonic() - started:.0f} s", flush=True)
        if failed and not keep_going:
            break
    for failure in failed:
        print(f"autostack: failed: {failure}", file=sys.stderr)
    return 1 if failed else 0
