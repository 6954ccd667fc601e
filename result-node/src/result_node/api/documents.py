"""The shapes of the API's answers, as its documentation shows them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class ResultDocument(BaseModel):
    """One stored answer."""

    id: uuid.UUID
    expression: str = Field(description="as it was sent")
    status: Literal["ok", "undefined"]
    result: str = Field(description="exact: 7, -3/4; the reason when undefined")
    decimal: str | None = Field(description="when the result is a fraction")
    worker: str
    version: str
    revision: str
    duration_us: int = Field(description="microseconds from receipt to storing")
    created_at: datetime


class ResultPage(BaseModel):
    """Some of the results, and where to go on."""

    results: list[ResultDocument]
    next: str | None = Field(description="the address of the next page; null when there is nothing more")
    looked_to: datetime | None = Field(
        description="when set, the step ended here before the page was full; `next` goes on from it"
    )


class Latency(BaseModel):
    """Percentiles in seconds, from buckets; null when nothing was answered."""

    p50: float | None
    p95: float | None
    p99: float | None


class TallyDocument(BaseModel):
    """Answers counted together."""

    answers: int
    undefined: int
    latency_s: Latency


class StepDocument(TallyDocument):
    """One step of the window's course; the last is still growing."""

    start: datetime
    seconds: float = Field(description="how much of the step has passed")
    per_second: float
    by_version: dict[str, int]


class StatisticsDocument(BaseModel):
    """A window of time in numbers."""

    window: Literal["15m", "1h", "6h", "24h"]
    start: datetime
    end: datetime
    step_s: float
    total: TallyDocument
    steps: list[StepDocument]
    workers: dict[str, TallyDocument]
    versions: dict[str, TallyDocument]
