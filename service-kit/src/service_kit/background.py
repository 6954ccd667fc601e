"""Work that goes on beside the requests: each task has a name and an owner, and none ends unnoticed.

A service whose background work has died still answers probes and looks well. So a task that ends without
being asked to makes the service unready at once and ends its process in order, with exit code 1, and whoever
runs it starts a new one. The price is that a bug in a side task restarts the whole service.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from service_kit.lifecycle import Lifecycle

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def background(
    lifecycle: Lifecycle, name: str, work: Coroutine[Any, Any, None]
) -> AsyncIterator[asyncio.Task[None]]:
    """Run `work` beside the body and cancel it afterwards; if it ends before, the service fails."""

    def note_end(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        log.error("background task ended", exc_info=error, extra={"task": name})
        lifecycle.fail(f"{name} ended: {type(error).__name__ if error else 'without an error'}")

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(note_end)
    try:
        yield task
    finally:
        task.remove_done_callback(note_end)
        task.cancel()
        await asyncio.wait([task])
