"""A node of each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from harness.pocket_node import PocketNode


@pytest.fixture
async def node() -> AsyncIterator[PocketNode]:
    """A kubelet with an API server, empty."""
    started = await PocketNode.start()
    yield started
    await started.close()
