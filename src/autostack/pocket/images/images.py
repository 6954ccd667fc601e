"""From the text in a pod to a usable image: registry folder first, then the catalogue.

An image of the registry folder with a native name wins, so a real image can replace a stand-in. What was
resolved once is remembered by its text, as a node keeps pulled images; the cache holds nothing that can't
be made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autostack.pocket.images.catalogue import find_native, native_image
from autostack.pocket.images.errors import ImageError, NeverPulledError, PullError
from autostack.pocket.images.expiry import mark_used, remove_unused
from autostack.pocket.images.image import Image
from autostack.pocket.images.layout import Manifest, read_manifest
from autostack.pocket.images.reference import Reference, always_pulled, parse_reference
from autostack.pocket.images.unpack import unpacked


class Images:
    """The images of one node."""

    def __init__(self, registry: Path, cache: Path) -> None:
        self._registry = registry
        self._cache = cache
        self._present: dict[str, Image] = {}
        self._looking: dict[str, asyncio.Lock] = {}

    async def get(self, text: str, policy: str | None) -> tuple[Image, bool]:
        """(image, whether it was looked up now); raises ImageError, whose `reason` is the container's."""
        reference = parse_reference(text)
        async with self._looking.setdefault(text, asyncio.Lock()):  # one slow image holds up no other
            present = self._present.get(text)
            if present is not None and present.tree is not None and not mark_used(present.tree):
                present = None  # not used for long, and removed
            if present is not None and not always_pulled(reference, policy):
                return present, False
            if policy == "Never":
                raise NeverPulledError(f"Container image {text!r} is not present with pull policy of Never")
            image = self._present[text] = await asyncio.to_thread(self._resolve, reference)
        return image, True

    async def keep(self, image_ids: Iterable[str]) -> None:
        """Mark the trees of these images as used, and remove those that nobody has used for long."""
        for text in set(image_ids):
            with contextlib.suppress(ImageError, OSError):
                await self.get(text, "IfNotPresent")
        await asyncio.to_thread(remove_unused, self._cache, now_s=time.time())

    def _resolve(self, reference: Reference) -> Image:
        native = find_native(reference)
        in_registry = (self._registry / reference.host / reference.path / "index.json").is_file()
        if native is not None and not in_registry:
            return native_image(native, reference, self._cache / "native")
        manifest = read_manifest(self._registry, reference)
        return built_image(reference, manifest, unpacked(self._cache, manifest.layers))


def built_image(reference: Reference, manifest: Manifest, tree: Path) -> Image:
    """An OCI image configuration as an Image; raises PullError when it is not one."""
    config: dict[str, Any] = manifest.config.get("config") or {}
    try:
        environment = dict(line.split("=", 1) for line in config.get("Env") or [])
    except ValueError as error:
        raise PullError(f"image {reference}: its configuration has a variable without '='") from error
    return Image(
        reference=str(reference),
        image_id=f"{reference.repository}@{manifest.digest}",
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        environment=environment,
        working_dir=config.get("WorkingDir") or "/",
        user=str(config.get("User") or ""),
        stop_signal=str(config.get("StopSignal") or "SIGTERM"),
        tree=tree,
        brings_userland=(tree / "usr/bin").is_dir() or (tree / "bin").exists(),
    )
