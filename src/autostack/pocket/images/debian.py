"""A program from a Debian package: the installed one, or one fetched and unpacked without root.

`apt-get download` and `dpkg -x` need neither root nor a change of the system; the result is kept in
the cluster's cache, so it happens once.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from autostack.pocket.images.errors import PullError

_DEADLINE_S = 120


def program(cache: Path, *, package: str, path: str) -> tuple[str, Path]:
    """(version, program) of `package`; raises PullError with what to do when it can't be had."""
    installed = Path("/") / path
    if installed.is_file():
        return _version(_run("dpkg-query", "-W", "-f", "${Version}", package)), installed
    root = cache / package
    if not (root / path).is_file():
        _fetch(cache, package, root)
    if not (root / path).is_file():
        raise PullError(f"the Debian package {package} has no {path}; install it another way")
    return _version((root / ".version").read_text()), root / path


def _fetch(cache: Path, package: str, root: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache) as scratch:
        folder = Path(scratch)
        _run("apt-get", "download", package, cwd=folder)
        archives = list(folder.glob("*.deb"))
        if len(archives) != 1:
            raise PullError(f"apt-get download {package} brought {len(archives)} files instead of one")
        tree = folder / "tree"
        _run("dpkg", "-x", str(archives[0]), str(tree))
        (tree / ".version").write_text(_run("dpkg-deb", "-f", str(archives[0]), "Version"))
        tree.chmod(0o755)
        tree.rename(root)


def _version(text: str) -> str:
    """Debian's version without epoch and revision: `2.42.0+ds-5+deb12u1` is `2.42.0`."""
    found = re.match(r"(?:\d+:)?([0-9.]+)", text.strip())
    return found.group(1) if found else text.strip()


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PullError(f"`{' '.join(command)}` failed: {error}") from error
    if done.returncode != 0:
        raise PullError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-300:]}")
    return done.stdout
