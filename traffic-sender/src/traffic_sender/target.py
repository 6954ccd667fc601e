"""Where the problems go, as a URL says it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from traffic_sender.errors import RequestError


@dataclass(frozen=True, slots=True)
class Target:
    """One host name (with all of its addresses), a port and the path of `solve`."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Read `http://host:port/base`; raises RequestError that says what is wrong with it."""
    shown = url[:100]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RequestError(f"target {shown!r}: {error}") from None
    if parts.scheme != "http":
        raise RequestError(
            f"target {shown!r} must begin with http://; the sender speaks plain HTTP inside a cluster"
        )
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise RequestError(f"target {shown!r} must be http://host:port, without user, query or fragment")
    if not url.isascii() or any(ord(letter) <= 32 for letter in url):
        raise RequestError(f"target {shown!r} must be printable ASCII without spaces")
    return Target(parts.hostname, port or 80, f"{parts.path.rstrip('/')}/solve")
