"""A container's attempts on disk: what each was started from and how it ended.

`attempts/<n>/` holds `started.json` (written before the start), `status` (by bwrap), `log`, the root, and
`ended.json` once the end has been seen. The number of the newest is the restart count, so counts survive
everything. Only the newest and the one before it are kept, as `kubectl logs --previous` needs no more.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autostack.pocket.kubelet.status import Ended

BOOT = Path("/proc/sys/kernel/random/boot_id")
KEPT = 2


@dataclass(frozen=True, slots=True)
class Started:
    """What an attempt was started from; the environment is kept for `exec`."""

    container_id: str
    image: str
    image_id: str
    started_at: float
    boot_id: str
    stop_signal: str
    working_dir: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a container, by its folder."""

    folder: Path

    @property
    def number(self) -> int:
        """0 for the first run."""
        return int(self.folder.name)

    @property
    def log(self) -> Path:
        """Its output."""
        return self.folder / "log"

    def started(self) -> Started | None:
        """What it was started from; None when a crash came before that was written."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Started(**json.loads((self.folder / "started.json").read_text()))
        return None

    def ended(self) -> Ended | None:
        """How it ended, when that has been seen."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Ended(**json.loads((self.folder / "ended.json").read_text()))
        return None

    def write_started(self, started: Started) -> None:
        """Record what is about to be started."""
        _write(self.folder / "started.json", json.dumps(asdict(started)))

    def write_ended(self, ended: Ended) -> None:
        """Record the end, and drop what only a running container needs."""
        _write(self.folder / "ended.json", json.dumps(asdict(ended)))
        for name in ("root", "tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def boot_id() -> str:
    """Changes with every boot, and with it every process is gone."""
    return BOOT.read_text().strip()


def attempts(container: Path) -> list[Attempt]:
    """The attempts that are kept, oldest first."""
    try:
        numbers = sorted(int(entry.name) for entry in container.iterdir() if entry.name.isdigit())
    except FileNotFoundError:
        return []
    return [Attempt(container / str(number)) for number in numbers]


def next_attempt(container: Path) -> Attempt:
    """A folder for another run; older ones than the last are removed. After OSError there is no new one."""
    known = attempts(container)
    for old in known[: 1 - KEPT] if len(known) >= KEPT else []:
        shutil.rmtree(old.folder, ignore_errors=True)
    fresh = Attempt(container / str(known[-1].number + 1 if known else 0))
    try:
        for name in ("root", "tmp"):
            (fresh.folder / name).mkdir(parents=True)
        (fresh.folder / "tmp").chmod(0o1777)
        (fresh.folder / "termination").touch()
    except OSError:
        shutil.rmtree(fresh.folder, ignore_errors=True)
        raise
    return fresh


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.rename(path)
