"""A watch on the wire: one JSON line per change, in plain or Table form, until the time is up or the client
leaves.

A plain frame is serialised once and shared by all watchers of the resource.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.http import versions
from autostack.pocket.apiserver.http.negotiation import Accepted, wanted_form
from autostack.pocket.apiserver.http.objects import call_of
from autostack.pocket.apiserver.http.paths import Place
from autostack.pocket.apiserver.http.request import Receive, Request, Send
from autostack.pocket.apiserver.http.response import warning_headers
from autostack.pocket.apiserver.http.table import partial, table
from autostack.pocket.apiserver.verbs.watch import (
    BOOKMARK_INTERVAL_S,
    Watch,
    WatchQuery,
    bookmark,
    error_frame,
    frame,
    open_watch,
)
from autostack.pocket.errors import ApiError
from autostack.pocket.store.entry import Event

SHORTEST_S = 1800


async def stream(core: Core, request: Request, place: Place, receive: Receive, send: Send) -> None:
    """Serve one watch; raises ApiError before the first byte, and sends an ERROR event after it."""
    call = call_of(core, request, place, "watch")
    form = wanted_form(request.headers.get("accept", ""))
    query = _query(request, place)
    try:
        watch = open_watch(core, call, query)
    except ApiError as error:
        if error.code != 410:
            raise
        await _start(send, request)
        await send({"type": "http.response.body", "body": error_frame(error)})
        return
    timeout_s = request.number("timeoutSeconds") or SHORTEST_S + secrets.randbelow(SHORTEST_S)
    leaving = asyncio.create_task(_close_when_left(receive, watch), name="watch-client-leaving")
    try:
        await _start(send, request)
        async for body in _frames(core, watch, form, request, time.monotonic() + timeout_s):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        watch.subscription.close()
        leaving.cancel()


def _query(request: Request, place: Place) -> WatchQuery:
    query = request.query
    fields = query.get("fieldSelector", "")
    if place.name:
        fields = ",".join(filter(None, (fields, f"metadata.name={place.name}")))
    initial = request.flag("sendInitialEvents") if "sendInitialEvents" in query else None
    return WatchQuery(
        query.get("resourceVersion", ""),
        query.get("labelSelector", ""),
        fields,
        request.flag("allowWatchBookmarks"),
        initial,
        query.get("resourceVersionMatch", ""),
    )


async def _start(send: Send, request: Request) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-cache, private"),
        *warning_headers(request.warnings),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": True})


async def _close_when_left(receive: Receive, watch: Watch) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watch.subscription.close()


async def _frames(
    core: Core, watch: Watch, form: Accepted, request: Request, deadline: float
) -> AsyncIterator[bytes]:
    include = request.query.get("includeObject", "Metadata")
    for entry in watch.initial:
        yield _frame(watch, form, include, Event("ADDED", entry, None))
    if watch.bookmark_after_initial:
        yield _bookmark(watch, form, watch.revision, initial_end=True)
    sent = watch.revision
    while not watch.subscription.closed:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        event = await watch.subscription.next(min(left, BOOKMARK_INTERVAL_S))
        if event is not None:
            sent = event.revision
            yield _frame(watch, form, include, event)
        elif watch.bookmarks:
            newest = core.store.revision
            if newest > sent:
                sent = newest
                yield _bookmark(watch, form, newest)
    if watch.subscription.slow:
        try:
            watch.raise_if_slow()
        except ApiError as error:
            yield error_frame(error)


def _frame(watch: Watch, form: Accepted, include: str, event: Event) -> bytes:
    kind = watch.call.kind
    if not form.as_kind:
        if versions.stored_as_is(kind):
            return event.line
        return frame(event.change, versions.outgoing(kind, event.entry.object))
    obj = versions.outgoing(kind, event.entry.object)
    if form.as_kind == "Table":
        return frame(event.change, table(kind, [obj], {"resourceVersion": str(event.revision)}, include))
    return frame(event.change, partial(obj))


def _bookmark(watch: Watch, form: Accepted, revision: int, *, initial_end: bool = False) -> bytes:
    mark: dict[str, Any] = bookmark(watch, revision, initial_end=initial_end)
    if form.as_kind == "Table":
        shell = table(watch.call.kind, [], {"resourceVersion": str(revision)})
        shell["rows"] = [
            {
                "cells": [],
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": mark["metadata"],
                },
            }
        ]
        return frame("BOOKMARK", shell)
    return frame("BOOKMARK", mark)
