"""Wait on a condition with a deadline: the only way in which a test waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], Awaitable[T]], *, within_s: float = 30, what: str = "condition"
) -> T:
    """The first truthy value of `probe`; its last value or exception is in the failure's message."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            value = await probe()
        except Exception as error:  # noqa: BLE001 - recorded, and shown when the time is up
            last = error
        else:
            if value:
                return value
            last = value
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not come within {within_s} s; the last look gave {last!r}")


def eventually_sync(probe: Callable[[], T], *, within_s: float = 30, what: str = "condition") -> T:
    """`eventually` for a test without an event loop."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            value = probe()
        except Exception as error:  # noqa: BLE001 - recorded, and shown when the time is up
            last = error
        else:
            if value:
                return value
            last = value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {within_s} s; the last look gave {last!r}")
