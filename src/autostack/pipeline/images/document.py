"""The JSON documents of an image: configuration, manifest, and the SBOM attached to it. Pure.

Where things are: packages in /app/site-packages, the code in /app/src, both on PYTHONPATH, so `python -m
<package>` starts it from any folder. The user is a number without a name, as restricted Pod Security wants.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
SBOM = "application/vnd.cyclonedx+json"

USER = "65532:65532"
SITE_PACKAGES = "app/site-packages"
CODE = "app/src"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an image is an image of."""

    app: str
    module: str
    version: str
    revision: str
    created_s: int
    source: str
    interpreter: str

    @property
    def created(self) -> str:
        """RFC 3339, the commit's time."""
        return datetime.fromtimestamp(self.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def annotations(self) -> dict[str, str]:
        """OCI's predefined annotations, and ours about the missing base."""
        return {
            "org.opencontainers.image.title": self.app,
            "org.opencontainers.image.version": self.version,
            "org.opencontainers.image.revision": self.revision,
            "org.opencontainers.image.created": self.created,
            "org.opencontainers.image.source": self.source,
            "io.auto-stack.base": "none: the userland and interpreter of the node",
            "io.auto-stack.interpreter": self.interpreter,
        }


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by its content."""

    media_type: str
    digest: str
    size: int

    def document(self) -> dict[str, Any]:
        """As OCI documents have it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def describe(media_type: str, content: bytes) -> Descriptor:
    """The descriptor of a blob with this content."""
    return Descriptor(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


def encode(document: Mapping[str, Any]) -> bytes:
    """JSON in one form only, so that equal documents have equal digests."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def image_config(subject: Subject, layers: Sequence[Descriptor]) -> dict[str, Any]:
    """The image's configuration; the layers are uncompressed, so their digests are their diff ids."""
    machine = platform.machine()
    return {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "created": subject.created,
        "config": {
            "User": USER,
            "WorkingDir": "/app",
            "Entrypoint": ["python", "-m", subject.module],
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                f"PYTHONPATH=/{CODE}:/{SITE_PACKAGES}",
                "PYTHONUNBUFFERED=1",
                "PYTHONDONTWRITEBYTECODE=1",
                f"APP_VERSION={subject.version}",
                f"GIT_REVISION={subject.revision}",
            ],
            "Labels": subject.annotations(),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [
            {"created": subject.created, "created_by": f"autostack: {content}"}
            for content in ("packages of the lock", "code of the commit")[-len(layers) :]
        ],
    }


def image_manifest(subject: Subject, config: Descriptor, layers: Sequence[Descriptor]) -> dict[str, Any]:
    """The image's manifest."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.document(),
        "layers": [layer.document() for layer in layers],
        "annotations": subject.annotations(),
    }


def sbom_manifest(subject: Subject, image: Descriptor, sbom: Descriptor) -> dict[str, Any]:
    """The artifact that refers to the image (OCI 1.1 referrers) and holds its SBOM."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": SBOM,
        "config": describe(EMPTY, b"{}").document(),
        "layers": [sbom.document()],
        "subject": image.document(),
        "annotations": {"org.opencontainers.image.created": subject.created},
    }
