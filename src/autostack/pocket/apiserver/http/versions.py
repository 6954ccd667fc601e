"""One storage, several API versions: what an object looks like in the version that a client asked for.

Events exist in the core group and in events.k8s.io with other field names; custom resources differ in
apiVersion only.
"""

from __future__ import annotations

from typing import Any

import msgspec

from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.store.entry import Entry

Object = dict[str, Any]
EVENTS_GROUP = "events.k8s.io"
# events.k8s.io/v1 → v1
EVENT_FIELDS = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
CORE_FIELDS = {core: new for new, core in EVENT_FIELDS.items()}


def stored_as_is(kind: Kind) -> bool:
    """Whether the stored bytes are already what a client of this kind expects."""
    return not kind.custom and kind.group != EVENTS_GROUP


def outgoing(kind: Kind, obj: Object) -> Object:
    """A stored object in the shape of a kind's version."""
    if kind.group == EVENTS_GROUP:
        renamed = {CORE_FIELDS.get(name, name): value for name, value in obj.items()}
        return {**renamed, "apiVersion": kind.api_version}
    return obj if obj.get("apiVersion") == kind.api_version else {**obj, "apiVersion": kind.api_version}


def incoming(kind: Kind, obj: Object) -> Object:
    """An object (or a patch) of a kind's version in the shape that is stored."""
    if kind.group == EVENTS_GROUP:
        renamed = {EVENT_FIELDS.get(name, name): value for name, value in obj.items()}
        return {**renamed, "apiVersion": "v1"}
    return obj


def raw(kind: Kind, entry: Entry) -> bytes:
    """An entry's bytes in the shape of a kind's version."""
    return entry.raw if stored_as_is(kind) else msgspec.json.encode(outgoing(kind, entry.object))
