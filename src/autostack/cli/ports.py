"""Which ports of this machine are free, and whose a port is that is not."""

from __future__ import annotations

import socket
from pathlib import Path


def is_free(port: int) -> bool:
    """Whether nothing listens there on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ingress_of(port: int, clusters: Path) -> str | None:
    """The name of the cluster below this folder whose ingress was last at the port."""
    for note in sorted(clusters.glob("*/ingress-url")):
        if note.read_text().strip().endswith(f":{port}"):
            return note.parent.name
    return None
