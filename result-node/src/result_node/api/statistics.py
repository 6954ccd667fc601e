"""`/api/v1/statistics`: a window of time in numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from service_kit.problems import problem_responses

from result_node.api.documents import Latency, StatisticsDocument, StepDocument, TallyDocument
from result_node.reader import Reader
from result_node.statistics import Statistics, Step, Tally, WindowName


class WindowQuery(BaseModel):
    """Which window."""

    model_config = ConfigDict(extra="forbid")

    window: WindowName = Field("1h", description="length of the window that ends now")


def statistics_routes(reader: Reader) -> APIRouter:
    """The route, bound to one reader."""
    router = APIRouter(prefix="/api/v1", tags=["statistics"], responses=problem_responses(422, 503))

    @router.get("/statistics", summary="Answers and latency over a window of time")
    async def statistics(query: Annotated[WindowQuery, Query()]) -> StatisticsDocument:
        return document(await reader.course.of(query.window, now=datetime.now(UTC)))

    return router


def document(statistics: Statistics) -> StatisticsDocument:
    """Statistics as the API shows them."""
    return StatisticsDocument(
        window=statistics.window,
        start=statistics.start,
        end=statistics.end,
        step_s=statistics.step.total_seconds(),
        total=_tally(statistics.total),
        steps=[_step(step) for step in statistics.steps],
        workers={name: _tally(tally) for name, tally in statistics.workers.items()},
        versions={name: _tally(tally) for name, tally in statistics.versions.items()},
    )


def _latency(tally: Tally) -> Latency:
    return Latency(p50=tally.latency_s(0.5), p95=tally.latency_s(0.95), p99=tally.latency_s(0.99))


def _tally(tally: Tally) -> TallyDocument:
    return TallyDocument(answers=tally.answers, undefined=tally.undefined, latency_s=_latency(tally))


def _step(step: Step) -> StepDocument:
    return StepDocument(
        answers=step.tally.answers,
        undefined=step.tally.undefined,
        latency_s=_latency(step.tally),
        start=step.start,
        seconds=step.seconds,
        per_second=step.per_second,
        by_version=step.by_version,
    )
