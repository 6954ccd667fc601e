"""create: a new object under a name that is free."""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.writing import store_new


async def create(core: Core, call: Call, obj: dict[str, Any]) -> dict[str, Any]:
    """The object as stored."""
    return await store_new(core, call, obj)
