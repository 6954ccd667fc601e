"""Getting a container's image, for as long as it takes, with a kubelet's words and delays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from autostack.pocket.client import Object
from autostack.pocket.images.errors import ImageError
from autostack.pocket.images.image import Image
from autostack.pocket.kubelet.restarts import Backoff
from autostack.pocket.kubelet.starting import PodSide

ERROR_SHOWN_S = 2.0
"""How long ErrImagePull stands before it becomes ImagePullBackOff."""


async def pulled(pod: PodSide, container: Object, waiting: Callable[[str, str], None]) -> Image:
    """The image; `waiting` is told the reason and message for which the container waits."""
    text, policy = container["image"], container.get("imagePullPolicy")
    _, backoff = Backoff().after_exit(time.monotonic())
    while True:
        begun = time.monotonic()
        try:
            image, looked_up = await pod.node.images.get(text, policy)
        except ImageError as error:
            pod.event("Warning", "Failed", f'Failed to pull image "{text}": {error}')
            pod.event("Warning", "Failed", f"Error: {error.reason}")
            waiting(error.reason, str(error))
            delay_s, backoff = backoff.after_exit(time.monotonic())
            await asyncio.sleep(ERROR_SHOWN_S)
            if error.reason == "ErrImagePull":
                pod.event("Normal", "BackOff", f'Back-off pulling image "{text}"')
                waiting("ImagePullBackOff", f'Back-off pulling image "{text}": {error}')
            await asyncio.sleep(delay_s - ERROR_SHOWN_S)
            continue
        took_s = time.monotonic() - begun
        said = f'Successfully pulled image "{text}" in {took_s:.3f}s' if looked_up else ""
        note = f" ({image.note})" if image.note else ""
        pod.event("Normal", "Pulled", (said or f'Container image "{text}" already present on machine') + note)
        return image
