"""Events: what a controller tells a person about an object, seen by `kubectl describe`.

The same message about the same object becomes one Event with a count. Recording never delays or fails a
controller: Events wait in a bounded queue for one writer, and when it is full the oldest is dropped and
logged.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from autostack.pocket.client import ApiClient, Object
from autostack.pocket.controllers.kinds import EVENT, Kind
from autostack.pocket.controllers.meta import name_of, namespace_of, timestamp, uid_of
from autostack.pocket.errors import ApiError

log = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]
QUEUE_SIZE = 1000
REMEMBERED = 2000
MESSAGE_CHARS = 1024


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to tell."""

    kind: Kind
    about: Object
    type: EventType
    reason: str
    message: str
    component: str


class EventRecorder:
    """Collects notes; `run` writes them."""

    def __init__(self, client: ApiClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._notes: deque[Note] = deque(maxlen=QUEUE_SIZE)
        self._wake = asyncio.Event()
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()

    def record(self, note: Note) -> None:
        """Write the note when there is time for it."""
        if len(self._notes) == QUEUE_SIZE:
            log.warning("event dropped", extra={"reason": self._notes[0].reason})
        self._notes.append(note)
        self._wake.set()

    async def run(self) -> None:
        """Write notes until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._notes:
                note = self._notes.popleft()
                try:
                    await self._write(note)
                except ApiError as error:  # e.g. the namespace is going away
                    log.debug("event refused", extra={"reason": note.reason, "error": error.message})

    async def _write(self, note: Note) -> None:
        identity = (uid_of(note.about), note.type, note.reason, note.message, note.component)
        namespace = namespace_of(note.about) or "default"
        known = self._known.pop(identity, None)
        if known is not None:
            name, count = known
            patch = {"count": count + 1, "lastTimestamp": timestamp(self._now())}
            try:
                await self._client.patch(EVENT.resource, name, patch, namespace)
            except ApiError as error:
                if error.code != 404:  # an expired Event is written anew
                    raise
            else:
                self._known[identity] = (name, count + 1)
                return
        made = await self._client.create(EVENT.resource, self._event(note, namespace), namespace)
        self._known[identity] = (name_of(made), 1)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _event(self, note: Note, namespace: str) -> Object:
        moment = timestamp(self._now())
        about = note.about["metadata"]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about['name']}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": note.kind.api_version,
                "kind": note.kind.name,
                "name": about["name"],
                **({"namespace": about["namespace"]} if about.get("namespace") else {}),
                "uid": about["uid"],
                "resourceVersion": about["resourceVersion"],
            },
            "type": note.type,
            "reason": note.reason,
            "message": note.message[:MESSAGE_CHARS],
            "source": {"component": note.component},
            "reportingComponent": note.component,
            "reportingInstance": "pocket",
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
