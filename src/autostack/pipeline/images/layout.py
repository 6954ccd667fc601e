"""An OCI image layout as a registry's repository: blobs by content, tags in index.json, one writer at a time.

A blob is there completely or not at all (written aside, synced, renamed), and the index is replaced in one
step after everything it names is on disk; so a reader without a lock, or a crash at any point, sees a
consistent repository. A tag is never moved: setting it again to the same image does nothing, to another one
is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from autostack.pipeline.errors import RegistryError, TagTakenError
from autostack.pipeline.images.document import INDEX, Descriptor
from autostack.pipeline.locks import exclusive
from autostack.pipeline.retention import kept_entries

TAG = "org.opencontainers.image.ref.name"


class Layout:
    """One repository's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tags(self) -> dict[str, str]:
        """Digest of the image by tag."""
        entries = self._index()["manifests"]
        return {
            tag: str(one["digest"]) for one in entries if (tag := (one.get("annotations") or {}).get(TAG))
        }

    def manifests(self) -> list[dict[str, Any]]:
        """Every entry of the index: images, and artifacts that refer to them."""
        return list(self._index()["manifests"])

    def has(self, digest: str) -> bool:
        """Whether the blob is here."""
        return self.path(digest).is_file()

    def json(self, digest: str) -> dict[str, Any]:
        """A blob that is a JSON object; raises RegistryError."""
        try:
            document = json.loads(self.path(digest).read_bytes())
        except (OSError, ValueError) as error:
            raise RegistryError(f"blob {digest} of {self.folder} can't be read: {error}") from error
        if not isinstance(document, dict):
            raise RegistryError(f"blob {digest} of {self.folder} is not a JSON object")
        return document

    def labels(self, digest: str) -> dict[str, str]:
        """The labels of the image with this manifest."""
        config = self.json(self.json(digest)["config"]["digest"])
        return dict(config.get("config", {}).get("Labels") or {})

    def put(self, content: bytes, descriptor: Descriptor) -> None:
        """Store a blob."""
        if not self.has(descriptor.digest):
            _write_whole(self.path(descriptor.digest), content)

    def put_file(self, path: Path, descriptor: Descriptor) -> None:
        """Store a blob that is a file on this machine already: by a hard link where the file system allows
        it.
        """
        target = self.path(descriptor.digest)
        if target.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(path)
        except FileExistsError:
            return
        except OSError:
            _write_whole(target, path.read_bytes())

    def add(
        self,
        descriptor: Descriptor,
        *,
        tag: str | None = None,
        artifact_type: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Name a stored manifest in the index; raises TagTakenError when the tag names another image."""
        entry = descriptor.document() | ({"artifactType": artifact_type} if artifact_type else {})
        notes = dict(annotations or {}) | ({TAG: tag} if tag else {})
        if notes:
            entry["annotations"] = notes
        with exclusive(self.folder / ".lock"):
            index = self._index()
            present = self.tags().get(tag) if tag else None
            if present is not None and present != descriptor.digest:
                raise TagTakenError(
                    f"{self.folder.name}:{tag} exists and is {present}, not {descriptor.digest}"
                )
            if entry in index["manifests"]:
                return
            index["manifests"].append(entry)
            _write_whole(self.folder / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            _write_whole(self.folder / "index.json", json.dumps(index, indent=1).encode())

    def keep_only(self, images: Collection[str], *, older_than_s: float = 3600) -> int:
        """Forget every other image and what refers to it, and remove the blobs that then nothing names.

        A blob that was stored a short time ago stays: its writer may not have named it yet. Returns how many
        blobs were removed.
        """
        with exclusive(self.folder / ".lock"):
            index = self._index()
            subjects = {one["digest"]: self._subject(one["digest"]) for one in index["manifests"]}
            kept = kept_entries(index["manifests"], images, subjects)
            if len(kept) != len(index["manifests"]):
                index["manifests"] = kept
                _write_whole(self.folder / "index.json", json.dumps(index, indent=1).encode())
            named = {digest for one in kept for digest in self._reachable(one["digest"])}
            old_s = time.time() - older_than_s
            unnamed = [
                path
                for path in self.folder.glob("blobs/sha256/*")
                # A hard link to a file of the cache has the file's time, but the link changes the inode.
                if f"sha256:{path.name}" not in named and path.stat().st_ctime < old_s
            ]
            for path in unnamed:
                path.unlink()
            return len(unnamed)

    def _subject(self, digest: str) -> str:
        return str((self.json(digest).get("subject") or {}).get("digest", ""))

    def _reachable(self, digest: str) -> set[str]:
        manifest = self.json(digest)
        parts = [*manifest.get("manifests", ()), *manifest.get("layers", ())]
        parts += [manifest["config"]] if "config" in manifest else []
        nested = [self._reachable(one["digest"]) for one in manifest.get("manifests", ())]
        return {digest, *(one["digest"] for one in parts)}.union(*nested)

    def verify(self, digest: str) -> None:
        """Hash a blob; raises RegistryError when it is absent or damaged."""
        try:
            seen = hashlib.sha256(self.path(digest).read_bytes()).hexdigest()
        except OSError as error:
            raise RegistryError(f"blob {digest} of {self.folder} can't be read: {error}") from error
        if f"sha256:{seen}" != digest:
            raise RegistryError(f"blob {digest} of {self.folder} is damaged")

    def _index(self) -> dict[str, Any]:
        path = self.folder / "index.json"
        try:
            index: dict[str, Any] = json.loads(path.read_bytes())
            index["manifests"]
        except FileNotFoundError:
            return {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryError(f"{path} is not an OCI image index: {error}; restore or remove it") from error
        return index

    def path(self, digest: str) -> Path:
        """Where a blob is kept; raises RegistryError for anything but a sha256 digest."""
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or not value.isalnum():
            raise RegistryError(f"{digest!r} is not a sha256 digest")
        return self.folder / "blobs" / algorithm / value


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - the name is mkstemp's, a string
        os.replace(name, path)  # noqa: PTH105 - as above
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
