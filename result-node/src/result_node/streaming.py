"""Responses that go on: closed in order when the client leaves, and ended when the service drains."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from service_kit import Lifecycle, Phase, ProblemError
from starlette.responses import StreamingResponse
from starlette.types import Send

from result_node.errors import CursorError, DatabaseAwayError, DatabaseBusyError
from result_node.positions import CommitPosition, decode_cursor, encode_cursor
from result_node.reader import Reader
from result_node.stored import StoredResult
from result_node.tail import READ_AT_MOST, position_of

_ZERO = uuid.UUID(int=0)
KEEPALIVE_S = 15.0
CATCH_UP_READS = 10
"""Reads after which a stream of the newest gives up counting and goes to the end: 10,000 rows."""

EventData = Callable[[Sequence[StoredResult], bool], bytes]
"""Makes an event's data, one line of JSON, from rows in order; the flag says that rows were left out
before them.
"""


class ClosingStream(StreamingResponse):
    """A stream whose generator is closed before the response ends, so that what it holds is given back at
    once.
    """

    async def stream_response(self, send: Send) -> None:
        """Send it all."""
        async with contextlib.aclosing(self.body_iterator):  # type: ignore[type-var]  # we only pass generators
            await super().stream_response(send)


def event_stream(body: AsyncIterator[bytes]) -> ClosingStream:
    """A text/event-stream response that no proxy should hold back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return ClosingStream(body, media_type="text/event-stream", headers=headers)


async def starting_position(reader: Reader, after: str | None, last_event_id: str | None) -> CommitPosition:
    """Where a stream begins: behind the last event the client had, or `after`, or at the present end."""
    given = last_event_id or after
    if given is not None:
        position = decode_cursor(given)
        if not isinstance(position, CommitPosition):
            raise CursorError("this cursor is of another order; take it from a stream's event ids")
        return position
    newest = await reader.tail.newest(1)
    return position_of(newest[0]) if newest else CommitPosition(0, _ZERO)


def refuse_when_full(reader: Reader) -> None:
    """A bound on streams: each costs memory and events."""
    limit = reader.service.settings.stream_limit
    if reader.tail.listeners >= limit:
        raise ProblemError(
            503,
            "streams-full",
            f"{limit} live streams are open, which is the limit (STREAM_LIMIT); try again later",
            headers={"Retry-After": "5"},
        )


async def live_events(
    reader: Reader, position: CommitPosition, *, data: EventData, skip: bool
) -> AsyncGenerator[bytes, None]:
    """Events of final rows behind a position, at most one an interval, until the service drains.

    Without `skip` every row comes, in order, up to READ_AT_MOST an event. With it, all that came since
    the last event is read (up to CATCH_UP_READS reads, then the rest is left out and the event's data
    says so).
    """
    interval_s = reader.service.settings.stream_interval_s
    yield b"retry: 1000\n\n"
    async with reader.tail.listening(), _drained(reader.service.lifecycle) as drained:
        reader.metrics.live_streams.inc()
        try:
            while not drained.is_set():
                changed = reader.tail.changed
                try:
                    rows, left_out = await _read(reader, position, skip=skip)
                except (DatabaseAwayError, DatabaseBusyError):
                    yield b"event: waiting\ndata: {}\n\n"
                    await _first_of(drained, timeout_s=1.0)
                    continue
                if not rows:
                    if not await _first_of(changed, drained, timeout_s=KEEPALIVE_S):
                        yield b": still here\n\n"
                    continue
                position = position_of(rows[-1])
                reader.metrics.streamed_rows.inc(len(rows))
                yield b"id: %s\nevent: rows\ndata: %s\n\n" % (
                    encode_cursor(position).encode(),
                    data(rows, left_out),
                )
                await _first_of(drained, timeout_s=interval_s)
        finally:
            reader.metrics.live_streams.dec()


async def _read(reader: Reader, position: CommitPosition, *, skip: bool) -> tuple[list[StoredResult], bool]:
    rows = await reader.tail.read(position)
    if not skip or len(rows) < READ_AT_MOST:
        return rows, False
    for _ in range(CATCH_UP_READS):
        more = await reader.tail.read(position_of(rows[-1]))
        rows += more
        if len(more) < READ_AT_MOST:
            return rows, False
    return list(reversed(await reader.tail.newest(READ_AT_MOST))), True


@contextlib.asynccontextmanager
async def _drained(lifecycle: Lifecycle) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the service drains."""
    drained = asyncio.Event()

    async def watch() -> None:
        await lifecycle.wait_for(Phase.DRAINING)
        drained.set()

    task = asyncio.create_task(watch(), name="stream watches for drain")
    try:
        yield drained
    finally:
        task.cancel()


async def _first_of(*events: asyncio.Event, timeout_s: float) -> bool:
    """Wait for one of the events; False when the time is up."""
    tasks = [asyncio.create_task(event.wait(), name="stream waits") for event in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()
