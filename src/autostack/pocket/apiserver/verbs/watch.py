"""watch: acknowledged changes of a kind, in order, as a selector sees them.

An object that begins to match is ADDED, one that ceases to is DELETED. With `sendInitialEvents` the stream
begins with an ADDED per object and a BOOKMARK that says so (WatchList); bookmarks are also sent while
nothing happens, so that a client resumes near the present. A compacted version ends with an ERROR event
410, and so does a reader that was too slow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.selectors import Predicate, predicate
from autostack.pocket.apiserver.verbs.list import refuse_future
from autostack.pocket.errors import ApiError, gone, wrong_option
from autostack.pocket.store.entry import Change, Entry, Event
from autostack.pocket.store.errors import CompactedError
from autostack.pocket.store.watching import Interest, Subscription

BOOKMARK_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class WatchQuery:
    """A watch's query; `initial` is None unless the client named sendInitialEvents."""

    resource_version: str = ""
    label_selector: str = ""
    field_selector: str = ""
    bookmarks: bool = False
    initial: bool | None = None
    match: str = ""


def see(event: Event, selected: Predicate | None) -> Change | None:
    """What a change is to somebody who sees only selected objects."""
    if selected is None:
        return event.change
    before = event.previous is not None and selected(event.previous.object)
    now = event.change != "DELETED" and selected(event.entry.object)
    if now:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else None


def interest(call: Call, selected: Predicate | None) -> Interest | None:
    """The change as the call sees it, if it concerns it; None when every change of the resource does."""
    namespace = call.namespace
    if not namespace and selected is None:
        return None

    def seen(event: Event) -> Event | None:
        if namespace and event.entry.key.namespace != namespace:
            return None
        change = see(event, selected)
        return None if change is None else event.seen_as(change)

    return seen


@dataclass(slots=True)
class Watch:
    """An open watch: entries to send first, then the live changes."""

    call: Call
    initial: list[Entry]
    bookmark_after_initial: bool
    revision: int
    subscription: Subscription
    bookmarks: bool

    async def changes(self) -> AsyncIterator[Event]:
        """Live changes as the selector sees them; raises 410 when the reader was too slow."""
        async for event in self.subscription:
            yield event
        self.raise_if_slow()

    def raise_if_slow(self) -> None:
        """410 for a reader that did not keep up."""
        if self.subscription.slow:
            raise gone("the watch was closed because its reader did not keep up; list again")


def open_watch(core: Core, call: Call, query: WatchQuery) -> Watch:
    """Subscribe; raises 410 for a compacted version, 504 for one from the future, 422 for a wrong
    combination.
    """
    if query.initial is not None and query.match != "NotOlderThan":
        said = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise wrong_option("ListOptions", "resourceVersionMatch", said, "Forbidden")
    refuse_future(core, query.resource_version)
    kind = call.kind
    selected = predicate(query.label_selector, query.field_selector, kind.storage, kind.selectable)
    since = int(query.resource_version or 0)
    initial: list[Entry] = []
    if query.initial or (since == 0 and query.initial is None):
        entries = core.store.entries(call.kind.storage, call.namespace or None)
        initial = [entry for entry in entries if selected is None or selected(entry.object)]
        since = core.store.revision
    elif since == 0:
        since = core.store.revision
    try:
        subscription = core.store.watch(call.kind.storage, since, interest(call, selected))
    except CompactedError as error:
        raise gone(str(error)) from error
    return Watch(call, initial, bool(query.initial and query.bookmarks), since, subscription, query.bookmarks)


def bookmark(watch: Watch, revision: int, *, initial_end: bool = False) -> dict[str, object]:
    """A BOOKMARK's object: the kind and how far the watch has come."""
    metadata: dict[str, object] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": watch.call.kind.kind, "apiVersion": watch.call.kind.api_version, "metadata": metadata}


def frame(change: str, obj: object) -> bytes:
    """One line of a watch response."""
    return msgspec.json.encode({"type": change, "object": obj}) + b"\n"


def error_frame(error: ApiError) -> bytes:
    """The ERROR event that ends a watch."""
    return frame("ERROR", error.status())
