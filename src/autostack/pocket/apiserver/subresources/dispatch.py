"""Which subresource is served by what."""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.subresources import binding, eviction, finalize, scale, token
from autostack.pocket.errors import method_not_allowed

Object = dict[str, Any]
OWN_UPDATE = ("finalize", "scale")
CREATE = {"binding": binding.create, "eviction": eviction.create, "token": token.create}


async def create(core: Core, call: Call, obj: Object) -> Object:
    """POST to a subresource."""
    serve = CREATE.get(call.subresource)
    if serve is None:
        raise method_not_allowed("create")
    return await serve(core, call, obj)


async def update(core: Core, call: Call, obj: Object) -> Object:
    """PUT to a subresource with a kind of its own."""
    if call.subresource == "scale":
        return await scale.update(core, call, obj)
    return await finalize.update(core, call, obj)


async def patch(core: Core, call: Call, body: Any, patch_type: str) -> Object:
    """PATCH to a subresource with a kind of its own."""
    if call.subresource == "scale":
        return await scale.patch(core, call, body, patch_type)
    raise method_not_allowed("patch")
