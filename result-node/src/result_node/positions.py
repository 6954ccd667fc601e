"""Where a reader stands: opaque cursors for the three orders in which results are read.

A cursor carries a position and a digest of the question it belongs to, so that a cursor used with other
filters is refused and not answered with nonsense. It is readable to whoever decodes it and holds nothing
secret, so it is not signed.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from result_node.errors import CursorError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAP = 200


@dataclass(frozen=True, slots=True)
class TimePosition:
    """In the order newest first: (created_at, id)."""

    created_at: datetime
    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class IdPosition:
    """In the order of ids, oldest first."""

    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class CommitPosition:
    """In the order in which rows became final: (xact, id)."""

    xact: int
    id: uuid.UUID


Position = TimePosition | IdPosition | CommitPosition


def encode_cursor(position: Position, digest: str = "") -> str:
    """The cursor of a position within the question that has this digest."""
    if isinstance(position, TimePosition):
        parts = [
            "t",
            str((position.created_at - _EPOCH) // timedelta(microseconds=1)),
            position.id.hex,
            digest,
        ]
    elif isinstance(position, IdPosition):
        parts = ["i", "", position.id.hex, digest]
    else:
        parts = ["x", str(position.xact), position.id.hex, digest]
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


def decode_cursor(text: str, digest: str = "") -> Position:
    """The position in a cursor; raises CursorError."""
    try:
        raw = base64.b64decode(text[:_CAP] + "=" * (-len(text[:_CAP]) % 4), altchars=b"-_", validate=True)
        kind, number, hexadecimal, owner = msgspec.json.decode(raw, type=tuple[str, str, str, str])
        position = _position(kind, number, uuid.UUID(hex=hexadecimal))
    except (binascii.Error, msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise CursorError(
            "the cursor cannot be read; take it as it stands from `next`, or leave it out to begin anew"
        ) from error
    if owner != digest:
        raise CursorError("the cursor belongs to a question with other filters; leave it out to begin anew")
    return position


def _position(kind: str, number: str, row_id: uuid.UUID) -> Position:
    if kind == "t":
        return TimePosition(_EPOCH + timedelta(microseconds=int(number)), row_id)
    if kind == "i":
        return IdPosition(row_id)
    if kind == "x" and 0 <= int(number) < 1 << 63:
        return CommitPosition(int(number), row_id)
    raise ValueError("no such order")
