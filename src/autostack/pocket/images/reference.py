"""Image references as Docker and Kubernetes read them: `[host[:port]/]path[:tag][@digest]`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autostack.pocket.images.errors import InvalidReferenceError

_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference; `tag` is None only when a digest was given without one."""

    host: str
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """`docker.io/library/postgres`"""
        return f"{self.host}/{self.path}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """Read a reference, with Docker's defaults (docker.io, latest); raises InvalidReferenceError."""
    name, _, digest = text.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        raise InvalidReferenceError(f"image {text!r}: {digest!r} is not a sha256 digest")
    tag: str | None = None
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        name, tag = name[:colon], name[colon + 1 :]
        if not _TAG.fullmatch(tag):
            raise InvalidReferenceError(f"image {text!r}: {tag!r} is not a tag")
    host, slash, path = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = "docker.io", name
    if host in ("docker.io", "index.docker.io"):
        host, path = "docker.io", path if "/" in path else f"library/{path}"
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
        raise InvalidReferenceError(
            f"image {text!r} is not a valid reference (lower-case letters, digits, . _ - /)"
        )
    if tag is None and not digest:
        tag = "latest"
    return Reference(host, path, tag, digest or None)


def always_pulled(reference: Reference, policy: str | None) -> bool:
    """Whether each start looks the image up anew: by default for `latest`, else when it is not present."""
    if policy:
        return policy == "Always"
    return reference.digest is None and reference.tag in (None, "latest")
