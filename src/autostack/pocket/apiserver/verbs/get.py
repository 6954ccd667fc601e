"""get: the present state of one object."""

from __future__ import annotations

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.errors import not_found
from autostack.pocket.store.entry import Entry


def get(core: Core, call: Call) -> Entry:
    """The stored entry; raises 404."""
    entry = core.store.get(call.key)
    if entry is None:
        raise not_found(call.target)
    return entry
