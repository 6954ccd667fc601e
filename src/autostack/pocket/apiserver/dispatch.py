"""Which function serves a write: of an object, of a subresource, or of a question that is not stored."""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.access import reviews
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.subresources import binding, eviction, finalize, scale, token
from autostack.pocket.apiserver.verbs import patch as patching
from autostack.pocket.apiserver.verbs import update as replacing
from autostack.pocket.apiserver.writing import store_new
from autostack.pocket.errors import method_not_allowed

Object = dict[str, Any]
SUBRESOURCES = {"binding": binding.create, "eviction": eviction.create, "token": token.create}


async def create(core: Core, call: Call, obj: Object) -> Object:
    """The object as stored, a subresource's answer, or a review with its status."""
    if call.subresource in SUBRESOURCES:
        return await SUBRESOURCES[call.subresource](core, call, obj)
    if call.subresource or call.name:
        raise method_not_allowed("create")
    return await store_new(core, call, obj) if call.kind.storage else reviews.answer(core, call, obj)


async def update(core: Core, call: Call, obj: Object) -> Object:
    """The object as stored, or the Scale."""
    if call.subresource == "scale":
        return await scale.update(core, call, obj)
    if call.subresource == "finalize":
        return await finalize.update(core, call, obj)
    return await replacing.update(core, call, obj)


async def patch(core: Core, call: Call, body: Any, patch_type: str) -> Object:
    """The object as stored, or the Scale."""
    if call.subresource == "scale":
        return await scale.patch(core, call, body, patch_type)
    return await patching.patch(core, call, body, patch_type)
