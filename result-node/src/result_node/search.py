"""Answers a question a page at a time: chooses the index to walk, walks, and says where to continue.

The budget bounds a step, so a page may hold fewer rows than asked for, or none, and still have a
continuation; `looked_to` then says how far back the search has come. Filters that the minutes' summary
knows (worker, version, status) jump over the time in which nothing matches.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service_kit import ProblemError

from result_node import walks
from result_node.database import Database, Row
from result_node.positions import IdPosition, Position, TimePosition, decode_cursor, encode_cursor
from result_node.question import Filters
from result_node.runs import STEPS, bounds_of, moment_ms, segments_of
from result_node.stored import StoredResult

EXPORT_FIRST, EXPORT_BATCH = 100, 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, the cursor to continue with (None: there is nothing more), and how far an unfinished
    step came.
    """

    rows: list[StoredResult]
    cursor: str | None
    looked_to: datetime | None = None


class Search:
    """Questions to one database; no step looks at more rows than `budget_rows`."""

    def __init__(self, database: Database, *, budget_rows: int) -> None:
        self._database = database
        self._budget = budget_rows

    async def find(self, filters: Filters, *, cursor: str | None, limit: int) -> Page:
        """One page. Raises CursorError, ProblemError (a run that cannot be looked up), DatabaseAwayError,
        DatabaseBusyError.
        """
        position = None if cursor is None else decode_cursor(cursor, filters.digest)
        if filters.id is not None:
            rows = await self._database.fetch(walks.by_id(filters))
            return Page([StoredResult.from_row(row) for row in rows], None)
        if filters.run is not None:
            return await self._find_in_run(filters, position, limit)
        before = position if isinstance(position, TimePosition) else None
        if filters.expression is not None and filters.match == "exact":
            return await self._step(
                walks.by_expression(filters, before=before, budget=self._budget, limit=limit + 1),
                filters,
                limit,
            )
        if filters.expression is not None:
            rows = await self._database.fetch(walks.by_prefix(filters, before=before, limit=limit + 1))
            if not rows or rows[0]["candidates"] <= walks.PREFIX_CANDIDATES:
                return _page(rows, filters, limit, self._budget)
        return await self._find_by_time(filters, before, limit)

    async def one(self, filters: Filters) -> StoredResult | None:
        """The result with this id."""
        page = await self.find(filters, cursor=None, limit=1)
        return page.rows[0] if page.rows else None

    async def export(self, filters: Filters) -> AsyncGenerator[Sequence[Row], None]:
        """Everything that matches, in batches: a run's rows in order of id, else newest first."""
        if filters.id is not None:
            yield await self._database.fetch(walks.by_id(filters))
            return
        if filters.run is not None:
            statement = walks.export_by_run(filters, bounds=await self._run_bounds(filters))
        else:
            nothing, within = await self._minutes(filters, not_after=filters.until)
            if nothing:
                return
            statement = walks.export_by_time(filters, within)
        async for rows in self._database.batches(statement, first=EXPORT_FIRST, size=EXPORT_BATCH):
            yield rows

    async def _find_by_time(self, filters: Filters, before: TimePosition | None, limit: int) -> Page:
        latest = before.created_at if before is not None else filters.until
        nothing, within = await self._minutes(filters, not_after=latest)
        if nothing:
            return Page([], None)
        not_after = None if within is None else within[1] + timedelta(minutes=1)
        return await self._step(
            walks.by_time(filters, before=before, not_after=not_after, budget=self._budget, limit=limit + 1),
            filters,
            limit,
        )

    async def _minutes(
        self, filters: Filters, *, not_after: datetime | None
    ) -> tuple[bool, tuple[datetime, datetime] | None]:
        """Whether nothing at all can match, and otherwise between which minutes, if that is known."""
        summary = walks.minutes_with_matches(filters, not_after=not_after)
        if summary is None:
            return False, None
        (row,) = await self._database.fetch(summary)
        return row["first"] is None, (row["first"], row["last"])

    async def _find_in_run(self, filters: Filters, position: Position | None, limit: int) -> Page:
        bounds = await self._run_bounds(filters)
        after = position.id if isinstance(position, IdPosition) else None
        return await self._step(
            walks.by_run(filters, bounds=bounds, after=after, budget=self._budget, limit=limit + 1),
            filters,
            limit,
        )

    async def _step(self, statement: walks.Statement, filters: Filters, limit: int) -> Page:
        return _page(await self._database.fetch(statement), filters, limit, self._budget)

    async def _run_bounds(self, filters: Filters) -> list[tuple[uuid.UUID, uuid.UUID]]:
        tag = filters.run_tag or 0
        if filters.segment:
            return bounds_of(tag, filters.segment)
        moments = await self._database.fetch(segments_of(tag))
        if moments and moments[-1]["step"] >= STEPS:
            raise ProblemError(
                422,
                "segments-needed",
                "the segments of this run cannot be looked up among so many ids of other clients;"
                " give each segment's start_ms as `segment`",
            )
        return bounds_of(tag, [moment_ms(row["moment"]) for row in moments if row["found"]])


def _page(rows: list[Row], filters: Filters, limit: int, budget: int) -> Page:
    """A page from a statement's rows: up to one row more than the limit, the last of which may only mark
    a spent budget.
    """
    found = [row for row in rows if row["matches"]][:limit]
    results = [StoredResult.from_row(row) for row in found]
    if len(rows) > limit:  # there is more: continue behind the last row shown
        return Page(results, _cursor_at(found[-1] if found else rows[-1], filters))
    if rows and not rows[-1]["matches"]:  # the budget is spent: continue behind the last row looked at
        return Page(results, _cursor_at(rows[-1], filters), rows[-1]["created_at"])
    if rows and rows[-1].get("looked_at") == budget:
        return Page(results, _cursor_at(rows[-1], filters), rows[-1]["created_at"])
    return Page(results, None)


def _cursor_at(row: Row, filters: Filters) -> str:
    position: Position = (
        TimePosition(row["created_at"], row["id"]) if filters.run is None else IdPosition(row["id"])
    )
    return encode_cursor(position, filters.digest)
