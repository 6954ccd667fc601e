"""A task of a pod that must not end by a fault of ours: it is told, and the work is begun again.

Expected failures are the work's own business. What comes here is a bug or a condition that nobody thought of;
then one pod is late and says so, instead of being unattended for the rest of its life.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from autostack.pocket.kubelet.restarts import Backoff
from autostack.pocket.kubelet.starting import PodSide

log = logging.getLogger(__name__)


async def kept_up(pod: PodSide, part: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work until it is done; after a fault at once again, then later each time."""
    backoff = Backoff()
    while True:
        try:
            await work()
        except Exception as fault:  # whatever it is, the pod must stay attended
            log.exception("pod broke", extra={"pod": pod.object["metadata"]["name"], "part": part})
            pod.event("Warning", "FailedSync", f"error of the kubelet ({part}): {fault!r}"[:500])
        else:
            return
        delay_s, backoff = backoff.after_exit(time.monotonic())
        await asyncio.sleep(delay_s)
