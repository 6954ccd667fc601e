"""namespaces/finalize: the namespace controller takes its finalizer out of spec, and with the last one the
namespace goes.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.apiserver.writing import ATTEMPTS, commit
from autostack.pocket.errors import stale
from autostack.pocket.store.errors import StaleError

Object = dict[str, Any]


async def update(core: Core, call: Call, namespace: Object) -> Object:
    """Take over spec.finalizers, and nothing else."""
    finalizers = list((namespace.get("spec") or {}).get("finalizers") or ())
    for _ in range(ATTEMPTS):
        entry = get(core, call)
        present = entry.object
        new = {
            **present,
            "metadata": dict(present["metadata"]),
            "spec": {**present.get("spec", {}), "finalizers": finalizers},
        }
        if not finalizers:
            del new["spec"]["finalizers"]
        try:
            return await commit(core, call, new, entry)
        except StaleError:
            continue
    raise stale(call.target)
