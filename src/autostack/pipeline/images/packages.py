"""The packages layer: what the lock gives an application, installed by uv (hashes checked), cached in
segments.

A layer is kept by what determines it (lock, pyprojects, interpreter), a package's segment by its name,
version and content, so a change of one package compiles only that one, and applications share their
packages. The cache holds nothing that can't be made again; every file in it appears whole, by a rename.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from autostack.pipeline.errors import BuildError
from autostack.pipeline.images.bytecode import bytecode, bytecode_path, interpreter_tag
from autostack.pipeline.images.document import LAYER, SITE_PACKAGES, Descriptor
from autostack.pipeline.images.layers import END, Entry, segment
from autostack.pipeline.locks import exclusive

FORMAT = "1"
MTIME_S = 315532800  # 1980-01-01: a layer is shared by many commits, so it has the time of none
_NOT_FOR_RUNNING = (".pyx", ".pxd", ".pxi", ".c", ".h", ".cpp", ".pyi")
_OF_THE_INSTALL = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


@dataclass(frozen=True, slots=True)
class PackagesLayer:
    """A finished layer: its descriptor, and the file that has it."""

    descriptor: Descriptor
    path: Path


def packages_layer(app: str, project: Mapping[str, bytes], cache: Path) -> PackagesLayer:
    """The layer for an application; `project` has the workspace's pyprojects and uv.lock by path."""
    key = _key(app, project)
    record = cache / "layers" / f"{key}.json"
    known = _known(record, cache)
    if known is not None:
        return known
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=cache) as scratch:
        site = _install(app, project, Path(scratch))
        with exclusive(cache / "packages.lock"):  # applications that start together share the work
            segments = _segments(site, cache / "packages")
        layer = _assemble(segments, cache / "blobs", Path(scratch) / "layer.tar")
    _replace(record, json.dumps({"digest": layer.digest, "size": layer.size}).encode())
    return PackagesLayer(layer, cache / "blobs" / layer.digest)


def _key(app: str, project: Mapping[str, bytes]) -> str:
    seen = hashlib.sha256(f"{FORMAT}\0{interpreter_tag()}\0{sys.version}\0{app}".encode())
    for path, content in sorted(project.items()):
        seen.update(f"\0{path}\0{len(content)}\0".encode() + content)
    return seen.hexdigest()


def _known(record: Path, cache: Path) -> PackagesLayer | None:
    try:
        noted = json.loads(record.read_bytes())
        descriptor = Descriptor(LAYER, noted["digest"], noted["size"])
        path = cache / "blobs" / descriptor.digest
        return PackagesLayer(descriptor, path) if path.stat().st_size == descriptor.size else None
    except (OSError, ValueError, KeyError):
        return None  # made again below: the cache is never a source of truth


def _install(app: str, project: Mapping[str, bytes], scratch: Path) -> Path:
    workspace, environment = scratch / "workspace", scratch / "environment"
    for path, content in project.items():
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    arguments = [
        "--frozen",
        "--no-dev",
        "--no-install-workspace",
        "--package",
        app,
        "--no-progress",
        "--quiet",
    ]
    done = subprocess.run(
        [uv_program(), "sync", *arguments, "--directory", str(workspace), "--python", sys.executable],
        env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment), "VIRTUAL_ENV": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"uv could not install the packages of {app}: {done.stderr.strip()[-800:]}")
    (site,) = environment.glob("lib/python3.*/site-packages")
    return site


def uv_program() -> str:
    """The uv of this environment, else the one on PATH."""
    own = Path(sys.prefix) / "bin" / "uv"
    return str(own) if own.exists() else "uv"


def _segments(site: Path, cache: Path) -> list[Path]:
    """One cached segment per installed distribution, in the order of their names; missing ones are made in
    parallel.
    """
    wanted = []
    for info in sorted(site.glob("*.dist-info")):
        identity = hashlib.sha256(f"{FORMAT} {interpreter_tag()} {sys.version} {_recorded(info)}".encode())
        wanted.append(
            (info, cache / f"{info.name.removesuffix('.dist-info')}-{identity.hexdigest()[:16]}.tar")
        )
    missing = [(info, path) for info, path in wanted if not path.exists()]
    cache.mkdir(parents=True, exist_ok=True)
    if missing:
        # The largest first, so that no worker is left alone with it at the end.
        missing.sort(key=lambda one: -(one[0] / "RECORD").stat().st_size)
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            list(pool.map(_make_segment, *zip(*missing, strict=True)))
    return [path for _, path in wanted]


def _make_segment(info: Path, target: Path) -> None:
    _replace(target, segment(_entries(info), MTIME_S))


def _recorded(info: Path) -> list[tuple[str, str]]:
    """Path and hash of the distribution's files, less what tells of this machine or is only for compiling."""
    kept = []
    with (info / "RECORD").open(newline="") as rows:
        for row in filter(None, csv.reader(rows)):
            path = Path(row[0])
            of_the_install = path.parts[0] == info.name and path.name in _OF_THE_INSTALL
            outside = path.is_absolute() or ".." in path.parts
            if not (of_the_install or outside or path.suffix in (".pyc", *_NOT_FOR_RUNNING)):
                kept.append((row[0], row[1]))
    return sorted(kept)


def _entries(info: Path) -> Iterator[Entry]:
    """The distribution's files, with bytecode beside each module."""
    site = info.parent
    for name, _ in _recorded(info):
        path = Path(name)
        content = (site / path).read_bytes()
        yield Entry(f"{SITE_PACKAGES}/{name}", content, executable=os.access(site / path, os.X_OK))
        if path.suffix == ".py":
            compiled = bytecode(content, f"/{SITE_PACKAGES}/{name}")
            if compiled is not None:
                yield Entry(bytecode_path(f"{SITE_PACKAGES}/{name}"), compiled)


def _assemble(segments: list[Path], blobs: Path, scratch: Path) -> Descriptor:
    seen, size = hashlib.sha256(), 0
    with scratch.open("wb") as out:
        for content in (*(path.read_bytes() for path in segments), END):
            out.write(content)
            seen.update(content)
            size += len(content)
        out.flush()
        os.fsync(out.fileno())
    digest = f"sha256:{seen.hexdigest()}"
    blobs.mkdir(parents=True, exist_ok=True)
    scratch.chmod(0o644)
    scratch.replace(blobs / digest)
    return Descriptor(LAYER, digest, size)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)
