"""A pocket cluster's API server of a test's own, in this process and in memory: real storage, watches, validation and RBAC."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from autostack.pocket.apiserver.server import ApiServer
from autostack.pocket.store.journal import MemoryJournal


@pytest.fixture
async def pocket_api() -> AsyncIterator[ApiServer]:
    """An open API server without HTTP; `pocket_api.client()` is an ApiClient with all rights."""
    server = await ApiServer.open(MemoryJournal())
    yield server
    await server.close()
