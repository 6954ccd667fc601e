"""Files to manifests: a directory of YAML and JSON, or a kustomization by `kubectl kustomize`."""

from __future__ import annotations

import asyncio
import os
import re
from fnmatch import translate
from itertools import product
from pathlib import Path

from autostack.gitops.application import Directory
from autostack.gitops.errors import ManifestError, capped
from autostack.gitops.manifests import objects_in
from autostack.gitops.objects import Object
from autostack.gitops.source import KUSTOMIZATION_FILES

_SUFFIXES = {".yaml", ".yml", ".json"}
_KUSTOMIZE_TIMEOUT_S = 60


def source_type(folder: Path) -> str:
    """Argo CD's word for how the folder is rendered."""
    return "Kustomize" if any((folder / name).is_file() for name in KUSTOMIZATION_FILES) else "Directory"


async def render(folder: Path, directory: Directory, root: str) -> list[Object]:
    """The manifests of a folder; messages name files relative to the repository, below `root`."""
    if not await asyncio.to_thread(folder.is_dir):
        raise ManifestError(root, None, "app path is not a directory")
    if source_type(folder) == "Kustomize":
        return objects_in(await _kustomize(folder, root), f"{root} (kustomize)")
    return await asyncio.to_thread(_read, folder, directory, root)


def _read(folder: Path, directory: Directory, root: str) -> list[Object]:
    found: list[Object] = []
    for path in manifest_files(folder, directory):
        name = f"{root}/{path.relative_to(folder)}" if root != "." else str(path.relative_to(folder))
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ManifestError(name, None, "is not UTF-8 text") from error
        found += objects_in(text, name)
    return found


def manifest_files(folder: Path, directory: Directory) -> list[Path]:
    """The files that count, in the order of their names."""
    candidates = folder.rglob("*") if directory.recurse else folder.glob("*")
    return [
        path
        for path in sorted(candidates)
        if path.suffix in _SUFFIXES and path.is_file() and is_chosen(str(path.relative_to(folder)), directory)
    ]


def is_chosen(name: str, directory: Directory) -> bool:
    """Whether include and exclude let the file in."""
    included = not directory.include or _matches(name, directory.include)
    return included and not (directory.exclude and _matches(name, directory.exclude))


def _matches(name: str, pattern: str) -> bool:
    return any(re.fullmatch(translate(choice), name) for choice in _braces(pattern))


def _braces(pattern: str) -> list[str]:
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*choices)]


async def _kustomize(folder: Path, root: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        "kustomize",
        str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "KUBECONFIG": "/dev/null"},
    )
    try:
        async with asyncio.timeout(_KUSTOMIZE_TIMEOUT_S):
            output, complaint = await process.communicate()
    except TimeoutError as error:
        raise ManifestError(
            root, None, f"kubectl kustomize took longer than {_KUSTOMIZE_TIMEOUT_S} s"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = complaint.decode(errors="replace").replace(f"{folder}/", "").replace(str(folder), root)
        raise ManifestError(root, None, f"kubectl kustomize: {capped(said, 500)}")
    return output.decode()
