"""What a reader may ask for: the filters of search, API and export, checked once for all three.

Faithful or refused: an unknown parameter is an error, a filter that cannot be combined with another says
so, and text that PostgreSQL could not hold (a null byte) is refused here.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

SEGMENTS_CAP = 1000
_MOMENT = re.compile(
    r"(19[7-9]\d|2\d{3})-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


def _parse_moment(value: object) -> object:
    """RFC 3339; seconds may be left out, and a moment without an offset is UTC (browsers' datetime-local
    sends such).
    """
    if not isinstance(value, str):
        return value
    if not _MOMENT.fullmatch(value):
        raise ValueError("not a time such as 2026-01-31T12:00:00Z")
    moment = datetime.fromisoformat(value.upper())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _refuse_null_byte(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a null byte cannot be part of stored text")
    return value


def _parse_id(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value
    ):
        raise ValueError("not an id such as 019a0000-0000-8000-8000-000000000000")
    return value


Moment = Annotated[
    datetime, BeforeValidator(_parse_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
ResultId = Annotated[uuid.UUID, BeforeValidator(_parse_id)]
Label = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_refuse_null_byte)]
SegmentMs = Annotated[int, Field(ge=0, lt=1 << 48)]


class Filters(BaseModel):
    """The filters; all that are given must hold."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    id: ResultId | None = Field(None, description="exactly this result")
    expression: (
        Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_refuse_null_byte)] | None
    ) = Field(None, description="the expression as it was sent")
    match: Literal["exact", "prefix"] = Field("exact", description="whole expression, or its beginning")
    worker: Label | None = Field(None, description="name of the pod that answered")
    version: Label | None = Field(None, description="version of the worker")
    status: Literal["ok", "undefined"] | None = Field(None, description="whether the expression has a value")
    since: Moment | None = Field(
        None, alias="from", description="stored at or after (without an offset: UTC)"
    )
    until: Moment | None = Field(None, alias="to", description="stored before (without an offset: UTC)")
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{9}$")] | None = Field(
        None, description="run tag of the sender, nine hexadecimal digits; rows then come in order of id"
    )
    segment: list[SegmentMs] = Field(
        [],
        max_length=SEGMENTS_CAP,
        description="start_ms of the run's segments, repeated; without it they are looked up",
    )

    @model_validator(mode="after")
    def _combine(self) -> Filters:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`from` must be earlier than `to`")
        if self.segment and self.run is None:
            raise ValueError("`segment` needs `run`")
        if self.run is not None and int(self.run, 16) >= 1 << 34:
            raise ValueError("a run tag has 34 bits: its first digit is 0 to 3")
        return self

    @property
    def run_tag(self) -> int | None:
        """The run as a number."""
        return None if self.run is None else int(self.run, 16)

    @property
    def digest(self) -> str:
        """Names the question, so that a cursor of another is told apart."""
        asked = self.model_dump(mode="json", include=set(Filters.model_fields), exclude_defaults=True)
        return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()[:12]
