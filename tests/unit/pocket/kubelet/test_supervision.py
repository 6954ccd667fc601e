"""A fault of ours in a pod's task is told, and the work begun again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from autostack.pocket.kubelet.starting import PodSide
from autostack.pocket.kubelet.supervision import kept_up


class Told:
    """A pod that only hears its Events."""

    def __init__(self) -> None:
        self.object: dict[str, Any] = {"metadata": {"name": "web"}}
        self.events: list[tuple[str, ...]] = []

    def event(self, *words: str) -> None:
        self.events.append(words)


async def test_work_that_breaks_is_told_and_begun_again() -> None:
    pod, runs = Told(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise KeyError("absent")

    async with asyncio.timeout(30):
        await kept_up(cast("PodSide", pod), "volumes", work)
    assert runs == 2
    assert pod.events == [("Warning", "FailedSync", "error of the kubelet (volumes): KeyError('absent')")]
