"""An application's tests, run on the pushed code with an environment that has what its lock says.

The toolkit's own environment is used while the lock is the same as the toolkit's; else one is made for that
lock and kept. The members' sources of the checkout come first on the path, so the pushed code is what is
tested, never the code that happens to be installed. Only the plugins that our tests use are loaded:
discovering all installed ones costs three seconds a run. A suite that hangs is killed with everything it
started.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autostack.pipeline.errors import BuildError, TestsFailedError
from autostack.pipeline.images.packages import uv_program
from autostack.pipeline.workspace import Workspace, read_workspace

DEFAULT_TIMEOUT_S = 600
_NO_TESTS_COLLECTED = 5
_PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "pytest_randomly")
ENVIRONMENTS = "environments"
"""The folder of virtual environments, among what is kept for the next run."""
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "USER")


@dataclass(frozen=True, slots=True)
class Suite:
    """One pytest run: program and arguments, folder, environment."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


def suite(
    checkout: Path,
    workspace: Workspace,
    app: str,
    *,
    python: Path,
    inherited: Mapping[str, str],
    kept: Path,
    changed: Collection[str] | None = None,
) -> Suite | None:
    """How to run the unit tests of an application in a checkout; None when it has none.

    They are its own and those of the shared packages it uses; of the latter, when `changed` paths are given,
    only those that the change touches. Pure but for looking for the folders.
    """
    members = [
        member
        for member in workspace.closure(app)
        if member.name == app
        or changed is None
        or any(path.startswith(f"{member.folder}/") for path in changed)
    ]
    folders = [checkout / member.folder / "tests" / "unit" for member in members]
    present = [str(folder) for folder in folders if folder.is_dir()]
    if not present:
        return None
    sources = [str(checkout / member.folder / "src") for member in workspace.members.values()]
    environment = {name: inherited[name] for name in _KEPT_VARIABLES if name in inherited} | {
        "PYTHONPATH": os.pathsep.join([*sources, str(checkout / "src")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        # Examples that failed are tried first the next time; and its tables of Unicode take seconds to make.
        "HYPOTHESIS_STORAGE_DIRECTORY": str(kept / "hypothesis"),
        "CI": "true",
    }
    plugins = [word for plugin in _PLUGINS for word in ("-p", plugin)]
    argv = [str(python), "-m", "pytest", *plugins, "-p", "no:cacheprovider", "-q", "--color=no", *present]
    return Suite(tuple(argv), checkout, environment)


def run_suite(app: str, one: Suite, log: IO[bytes], *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
    """Run it with its output in the log; raises TestsFailedError when it is red, hangs or can't start."""
    process = subprocess.Popen(
        [*_dies_with_us(), *one.argv],
        cwd=one.folder,
        env=dict(one.environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        raise TestsFailedError(f"the tests of {app} did not end within {timeout_s:g} s") from error
    finally:
        _kill_group(process)
    if code not in (0, _NO_TESTS_COLLECTED):
        raise TestsFailedError(f"the tests of {app} are red (pytest exit {code})")


def run_tests(
    checkout: Path,
    app: str,
    *,
    kept: Path,
    log: IO[bytes],
    changed: Collection[str] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> bool:
    """Test an application in a checkout; False when it has no unit tests. Raises TestsFailedError.

    `kept` is a folder for what the next run can use again.
    """
    files = {
        str(path.relative_to(checkout))
        for path in (*checkout.glob("pyproject.toml"), *checkout.glob("*/pyproject.toml"))
    }
    files |= {str(path.relative_to(checkout)) for path in checkout.glob("*/Dockerfile")}
    workspace = read_workspace(files, lambda path: (checkout / path).read_bytes())
    workspace.app(app)
    python = environment_python(checkout, Path(__file__).parents[3], kept / ENVIRONMENTS)
    one = suite(checkout, workspace, app, python=python, inherited=os.environ, kept=kept, changed=changed)
    if one is None:
        return False
    run_suite(app, one, log, timeout_s=timeout_s)
    return True


def environment_python(checkout: Path, toolkit: Path, environments: Path) -> Path:
    """The interpreter that has the packages of the checkout's lock; an environment is made when the lock is
    new.
    """
    lock = (checkout / "uv.lock").read_bytes() if (checkout / "uv.lock").exists() else None
    own = toolkit / "uv.lock"
    if lock is None or (own.exists() and own.read_bytes() == lock):
        return Path(sys.executable)
    folder = environments / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / ".complete").exists():
        _make_environment(checkout, folder)
        (folder / ".complete").touch()
    return folder / "bin" / "python"


def _make_environment(checkout: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["--frozen", "--all-packages", "--no-install-workspace", "--no-progress", "--quiet"]
    done = subprocess.run(
        [uv_program(), "sync", *arguments, "--directory", str(checkout), "--python", sys.executable],
        env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder), "VIRTUAL_ENV": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"uv could not make the environment of this lock: {done.stderr.strip()[-800:]}")


def _dies_with_us() -> Sequence[str]:
    """A prefix by which the tests end when the runner is killed; empty where util-linux has no setpriv."""
    program = shutil.which("setpriv")
    return (program, "--pdeathsig", "KILL", "--") if program else ()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
