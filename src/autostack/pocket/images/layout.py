"""Reading an OCI image layout: from a tag or digest to a verified manifest and configuration, and its layers.

Whoever writes the layout is not trusted further than its digests: every blob is hashed before it is used,
and a mismatch is an error, never a warning. A layer is hashed when it is unpacked, once for all images that
have it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autostack.pocket.images.errors import PullError
from autostack.pocket.images.reference import Reference

TAG = "org.opencontainers.image.ref.name"
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's digest, and the file that ought to have it."""

    digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image of a layout: the digest of its manifest, its configuration, its layers in order."""

    digest: str
    config: dict[str, Any]
    layers: tuple[Layer, ...]


def read_manifest(registry: Path, reference: Reference) -> Manifest:
    """Find the image that `reference` names; raises PullError with what is missing or damaged."""
    layout = registry / reference.host / reference.path
    if not (layout / "index.json").is_file():
        raise PullError(
            f"image {reference}: no such repository in the registry folder, and no native image of that name"
        )
    digest = reference.digest or _digest_of_tag(layout, reference)
    document = _json_blob(layout, digest)
    if document.get("mediaType") in _INDEXES or "manifests" in document:
        digest = _for_this_machine(document, reference)
        document = _json_blob(layout, digest)
    try:
        config = _json_blob(layout, document["config"]["digest"])
        digests = [str(layer["digest"]) for layer in document["layers"]]
    except KeyError as missing:
        raise PullError(f"image {reference}: its manifest {digest} lacks {missing}") from missing
    return Manifest(digest, config, tuple(Layer(one, blob_path(layout, one)) for one in digests))


def _digest_of_tag(layout: Path, reference: Reference) -> str:
    try:
        entries = json.loads((layout / "index.json").read_text())["manifests"]
        found = [
            entry["digest"] for entry in entries if (entry.get("annotations") or {}).get(TAG) == reference.tag
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise PullError(
            f"image {reference}: {layout / 'index.json'} is not an image index: {error}"
        ) from error
    if not found:
        raise PullError(f"image {reference}: tag {reference.tag!r} not found")
    return str(found[-1])


def _for_this_machine(index: dict[str, Any], reference: Reference) -> str:
    wanted = _ARCHITECTURES.get(platform.machine(), platform.machine())
    for entry in index["manifests"]:
        system = entry.get("platform") or {}
        if system.get("os", "linux") == "linux" and system.get("architecture", wanted) == wanted:
            return str(entry["digest"])
    raise PullError(f"image {reference}: no matching manifest for linux/{wanted}")


def blob_path(layout: Path, digest: str) -> Path:
    """Where the layout keeps a blob; raises PullError for anything but a sha256 digest."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not value.isalnum():
        raise PullError(f"digest {digest!r} is not supported; only sha256 is")
    return layout / "blobs" / algorithm / value


def verified(path: Path, digest: str) -> Path:
    """The blob's path once its content has been hashed and found to be what the digest says."""
    seen = hashlib.sha256()
    try:
        with path.open("rb") as blob:
            while chunk := blob.read(_CHUNK):
                seen.update(chunk)
    except OSError as error:
        raise PullError(f"blob {digest} can't be read: {error.strerror}") from error
    if f"sha256:{seen.hexdigest()}" != digest:
        raise PullError(f"blob {digest} is damaged: its content has sha256:{seen.hexdigest()}")
    return path


def _json_blob(layout: Path, digest: str) -> dict[str, Any]:
    try:
        document = json.loads(verified(blob_path(layout, digest), digest).read_bytes())
    except ValueError as error:
        raise PullError(f"blob {digest} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PullError(f"blob {digest} is not a JSON object")
    return document
