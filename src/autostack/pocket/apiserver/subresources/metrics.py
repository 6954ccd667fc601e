"""metrics.k8s.io: what `kubectl top` and the autoscaler read, straight from the node."""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.metadata import now
from autostack.pocket.apiserver.selectors import predicate
from autostack.pocket.apiserver.verbs.list import Selection
from autostack.pocket.errors import ApiError, not_found
from autostack.pocket.node import NodeGateway, Usage
from autostack.pocket.store.entry import Entry

Object = dict[str, Any]
WINDOW = "10s"


def read(core: Core, call: Call, selection: Selection) -> Object:
    """One object's metrics or a list; raises 503 while no node has joined, 404 for a pod that is not
    measured.
    """
    node = core.node
    if node is None:
        raise ApiError(
            503,
            "ServiceUnavailable",
            "the metrics of this cluster come from its node, and no node has joined yet",
        )
    storage = call.kind.plural
    selected = predicate(selection.label_selector, selection.field_selector, storage)
    entries = core.store.entries(storage, call.namespace or None)
    items = [
        measured
        for entry in entries
        if (not call.name or entry.key.name == call.name) and (selected is None or selected(entry.object))
        if (measured := _measure(node, call, entry)) is not None
    ]
    if call.name:
        if not items:
            raise not_found(call.target)
        return items[0]
    metadata = {"resourceVersion": str(core.store.revision)}
    return {
        "kind": call.kind.list_kind,
        "apiVersion": call.kind.api_version,
        "metadata": metadata,
        "items": items,
    }


def _quantities(usage: Usage) -> Object:
    return {"cpu": f"{usage.cpu_nanocores}n", "memory": f"{usage.memory_bytes // 1024}Ki"}


def _measure(node: NodeGateway, call: Call, entry: Entry) -> Object | None:
    meta = entry.object["metadata"]
    kept = {name: meta[name] for name in ("name", "namespace", "labels") if name in meta}
    found: Object = {
        "kind": call.kind.kind,
        "apiVersion": call.kind.api_version,
        "metadata": {**kept, "creationTimestamp": now()},
        "timestamp": now(),
        "window": WINDOW,
    }
    if call.kind.plural == "nodes":
        return {**found, "usage": _quantities(node.node_usage())}
    usage = node.pod_usage(entry.key.namespace, entry.key.name)
    containers = [{"name": name, "usage": _quantities(use)} for name, use in sorted(usage.items())]
    return {**found, "containers": containers} if containers else None
