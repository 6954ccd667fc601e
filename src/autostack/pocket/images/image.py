"""A usable image: its configuration, and where its files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bind:
    """A path of this machine that the container sees, read-only, at `target`."""

    source: Path
    target: str


@dataclass(frozen=True, slots=True)
class Image:
    """What a container is started from.

    `tree` is the merged layers; without one the image is only the host's userland plus `binds`.
    `brings_userland`: the tree has its own /usr/bin or /bin and replaces the host's userland.
    """

    reference: str
    image_id: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = "/"
    user: str = ""
    stop_signal: str = "SIGTERM"
    tree: Path | None = None
    brings_userland: bool = False
    binds: tuple[Bind, ...] = ()
    note: str = ""
    """What a person should know, e.g. that a native image of another version stands in."""
