"""update: replace an object, or one of its subresources, by the given one.

With a resourceVersion the replacement is conditional (409 when stale), without one it is not. The kinds
that Kubernetes lets a PUT create (leases and the like) are not among them here: a missing object is 404.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.writing import rewrite
from autostack.pocket.errors import bad_request

Object = dict[str, Any]


async def update(core: Core, call: Call, obj: Object) -> Object:
    """The object as stored."""
    name = (obj.get("metadata") or {}).get("name") if isinstance(obj.get("metadata"), dict) else None
    if not name:
        raise bad_request(
            f"the name of the object ({call.name} based on URL) was undeterminable: name must be provided"
        )
    if name != call.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.name})")

    def replace(_: Object) -> Object:
        return {**obj, "metadata": dict(obj.get("metadata") or {})}

    return await rewrite(core, call, replace)
