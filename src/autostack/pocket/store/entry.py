"""A stored object and a change of one, with their bytes made once and shared by every reader."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from autostack.pocket.store.journal import Key

Object = dict[str, Any]
Change = Literal["ADDED", "MODIFIED", "DELETED"]


class Entry:
    """One revision of one object. `raw` is its JSON; `object` is decoded when asked for and must not be
    changed.
    """

    __slots__ = ("_object", "key", "raw", "revision")

    def __init__(self, key: Key, revision: int, raw: bytes, decoded: Object | None = None) -> None:
        self.key = key
        self.revision = revision
        self.raw = raw
        self._object = decoded

    @property
    def object(self) -> Object:
        """The decoded object, shared by all readers."""
        if self._object is None:
            self._object = msgspec.json.decode(self.raw)
        return self._object

    def fresh(self) -> Object:
        """The object decoded anew, for a caller who is going to change it."""
        decoded: Object = msgspec.json.decode(self.raw)
        return decoded

    def forget_decoded(self) -> None:
        """Keep the bytes only: a superseded revision is rarely read again."""
        self._object = None


class Event:
    """One acknowledged change. `previous` is the state before it; a deletion's entry carries the deletion's
    revision.
    """

    __slots__ = ("_line", "change", "entry", "previous")

    def __init__(self, change: Change, entry: Entry, previous: Entry | None) -> None:
        self.change: Change = change
        self.entry = entry
        self.previous = previous
        self._line: bytes | None = None

    @property
    def revision(self) -> int:
        """When it happened."""
        return self.entry.revision

    def seen_as(self, change: Change) -> Event:
        """The same event for somebody to whom it is another change, because he sees only some objects."""
        return self if change == self.change else Event(change, self.entry, self.previous)

    @property
    def line(self) -> bytes:
        """The watch frame of this change, serialised once for all watchers."""
        if self._line is None:
            self._line = b'{"type":"' + self.change.encode() + b'","object":' + self.entry.raw + b"}\n"
        return self._line
