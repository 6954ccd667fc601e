"""The SQL of a question: an ordered walk along one index, in which only so many rows are looked at.

A walk reads rows in an index's order, keeps those that match the other filters, and stops at the page's
end or when its budget of rows is spent, whichever is first. The last row of a spent budget comes back
with `matches` false: it says where to continue. So no combination of filters, however rare its rows, is
ever a long query; nothing is counted, nothing is offset.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from result_node.positions import TimePosition
from result_node.question import Filters
from result_node.stored import select_list

INDEXED_PREFIX = 64
"""Characters of an expression that its index holds; migration 0101 says the same."""

PREFIX_CANDIDATES = 500
"""A prefix with at most so many rows is answered from its index, and from the walk by time otherwise."""

_HIGHEST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its arguments, in order."""

    sql: str
    arguments: tuple[object, ...]


@dataclass(slots=True)
class _Arguments:
    values: list[object] = field(default_factory=list)

    def add(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def by_id(filters: Filters) -> Statement:
    """The one row with this id, if it matches the rest."""
    arguments = _Arguments()
    conditions = [f"results.id = {arguments.add(filters.id)}", *_residual(filters, arguments, "results")]
    sql = f"SELECT {select_list()} FROM results WHERE {' AND '.join(conditions)}"  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def by_time(
    filters: Filters, *, before: TimePosition | None, not_after: datetime | None, budget: int, limit: int
) -> Statement:
    """Newest first. `not_after` is a bound known from elsewhere, below which all matches lie."""
    arguments = _Arguments()
    along = _time_range(filters, arguments, before)
    if not_after is not None:
        along.append(f"results.created_at < {arguments.add(not_after)}")
    return _newest_first(filters, arguments, along, budget=budget, limit=limit)


def by_expression(filters: Filters, *, before: TimePosition | None, budget: int, limit: int) -> Statement:
    """The rows of one whole expression, newest first."""
    arguments = _Arguments()
    along = _indexed_expression(filters, arguments) + _time_range(filters, arguments, before)
    return _newest_first(filters, arguments, along, budget=budget, limit=limit)


def by_prefix(filters: Filters, *, before: TimePosition | None, limit: int) -> Statement:
    """The newest rows whose expression begins so, from at most PREFIX_CANDIDATES; `candidates` counts
    them, up to one more.
    """
    arguments = _Arguments()
    along = _indexed_expression(filters, arguments) + _time_range(filters, arguments, before)
    matches = _all(_residual(filters, arguments, "candidate"))
    sql = f"""
        SELECT * FROM (
            SELECT candidate.*, count(*) OVER () AS candidates, {matches} AS matches
            FROM (
                SELECT {select_list()} FROM results WHERE {_all(along)} LIMIT {PREFIX_CANDIDATES + 1}
            ) AS candidate
        ) AS seen
        WHERE matches OR candidates > {PREFIX_CANDIDATES}
        ORDER BY created_at DESC, id DESC LIMIT {arguments.add(limit)}"""  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def by_run(
    filters: Filters,
    *,
    bounds: Iterable[tuple[uuid.UUID, uuid.UUID]],
    after: uuid.UUID | None,
    budget: int,
    limit: int,
) -> Statement:
    """In order of id, over a run's segments, given as inclusive bounds."""
    arguments = _Arguments()
    segments = _segments(bounds, after, arguments)
    spent = arguments.add(budget)
    matches = _all(_residual(filters, arguments, "walked"))
    sql = f"""
        SELECT * FROM (
            SELECT walked.*, {matches} AS matches, row_number() OVER (ORDER BY walked.id) AS looked_at
            FROM (
                SELECT {select_list("stored")} FROM {segments}
                CROSS JOIN LATERAL (
                    SELECT {select_list()} FROM results
                    WHERE results.id >= segment.low AND results.id <= segment.high
                    ORDER BY results.id LIMIT {spent}
                ) AS stored
                LIMIT {spent}
            ) AS walked
        ) AS seen
        WHERE matches OR looked_at = {spent}
        ORDER BY id LIMIT {arguments.add(limit)}"""  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def export_by_time(filters: Filters, within: tuple[datetime, datetime] | None) -> Statement:
    """Everything that matches, newest first; for a cursor that fetches in batches. `within` are the first and
    last minute of what matches, if known.

    The order is that of the walk inside, behind OFFSET 0 as a fence: a filter that went into it would make
    each partition look for its first match before the first row can come, and an ORDER BY around it would
    plan the walk for its last row.
    """
    arguments = _Arguments()
    along = _time_range(filters, arguments, None)
    if within is not None:
        first, last = within
        along.append(f"results.created_at >= {arguments.add(first)}")
        along.append(f"results.created_at < {arguments.add(last + timedelta(minutes=1))}")
    if filters.expression is not None:
        along += _indexed_expression(filters, arguments)
    sql = f"""
        SELECT * FROM (
            SELECT {select_list()} FROM results WHERE {_all(along)}
            ORDER BY results.created_at DESC, results.id DESC OFFSET 0
        ) AS walked
        WHERE {_all(_residual(filters, arguments, "walked"))}"""  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def export_by_run(filters: Filters, *, bounds: Iterable[tuple[uuid.UUID, uuid.UUID]]) -> Statement:
    """Everything of a run that matches, in order of id; for a cursor that fetches in batches."""
    arguments = _Arguments()
    segments = _segments(bounds, None, arguments)
    conditions = _residual(filters, arguments, "stored")
    sql = f"""
        SELECT {select_list("stored")} FROM {segments}
        CROSS JOIN LATERAL (
            SELECT {select_list()} FROM results
            WHERE results.id >= segment.low AND results.id <= segment.high ORDER BY results.id
        ) AS stored
        WHERE {_all(conditions)}"""  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def minutes_with_matches(filters: Filters, *, not_after: datetime | None) -> Statement | None:
    """The first and the last minute in which such an answer was stored, from the minutes' summary; None when
    no filter is summarised.
    """
    arguments = _Arguments()
    summarised = {"worker": filters.worker, "version": filters.version, "status": filters.status}
    conditions = [
        f"{name} = {arguments.add(value)}" for name, value in summarised.items() if value is not None
    ]
    if not conditions:
        return None
    if not_after is not None:
        conditions.append(f"minute <= {arguments.add(not_after)}")
    sql = f"""
        SELECT min(minute) AS first, max(minute) AS last
        FROM result_minutes WHERE {_all(conditions)}"""  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def _newest_first(
    filters: Filters, arguments: _Arguments, along: list[str], *, budget: int, limit: int
) -> Statement:
    spent = arguments.add(budget)
    matches = _all(_residual(filters, arguments, "walked"))
    sql = f"""
        SELECT * FROM (
            SELECT walked.*, {matches} AS matches,
                row_number() OVER (ORDER BY walked.created_at DESC, walked.id DESC) AS looked_at
            FROM (
                SELECT {select_list()} FROM results WHERE {_all(along)}
                ORDER BY results.created_at DESC, results.id DESC LIMIT {spent}
            ) AS walked
        ) AS seen
        WHERE matches OR looked_at = {spent}
        ORDER BY created_at DESC, id DESC LIMIT {arguments.add(limit)}"""  # noqa: S608 - only placeholders
    return Statement(sql, tuple(arguments.values))


def _segments(
    bounds: Iterable[tuple[uuid.UUID, uuid.UUID]], after: uuid.UUID | None, arguments: _Arguments
) -> str:
    """A FROM item of the segments that are not wholly before the position, in order."""
    floor = None if after is None else uuid.UUID(int=min(after.int + 1, (1 << 128) - 1))
    left = sorted(bound for bound in bounds if floor is None or bound[1] >= floor)
    lows = [low if floor is None else max(low, floor) for low, _ in left]
    highs = [high for _, high in left]
    low, high = arguments.add(lows), arguments.add(highs)
    rows = f"unnest({low}::uuid[], {high}::uuid[]) AS bounds (low, high)"
    return f"(SELECT * FROM {rows} ORDER BY low) AS segment"  # noqa: S608 - only placeholders


def _indexed_expression(filters: Filters, arguments: _Arguments) -> list[str]:
    """The part of the expression's filter that its index answers."""
    text = (filters.expression or "")[:INDEXED_PREFIX]
    key = f'left(results.expression, {INDEXED_PREFIX}) COLLATE "C"'
    if filters.match == "exact":
        return [f"{key} = {arguments.add(text)}"]
    return [f"{key} >= {arguments.add(text)}", f"{key} <= {arguments.add(text + _HIGHEST)}"]


def _time_range(filters: Filters, arguments: _Arguments, before: TimePosition | None) -> list[str]:
    conditions = []
    if filters.since is not None:
        conditions.append(f"results.created_at >= {arguments.add(filters.since)}")
    if filters.until is not None:
        conditions.append(f"results.created_at < {arguments.add(filters.until)}")
    if before is not None:
        created_at, row_id = arguments.add(before.created_at), arguments.add(before.id)
        conditions.append(f"(results.created_at, results.id) < ({created_at}, {row_id})")
    return conditions


def _residual(filters: Filters, arguments: _Arguments, table: str) -> list[str]:
    """Every filter but the run and the id, on rows already reached; cheap to repeat where the walk has
    applied one.
    """
    conditions = []
    for name in ("worker", "version", "status"):
        value = getattr(filters, name)
        if value is not None:
            conditions.append(f"{table}.{name} = {arguments.add(value)}")
    if filters.expression is not None and filters.match == "exact":
        conditions.append(f"{table}.expression = {arguments.add(filters.expression)}")
    if filters.expression is not None and filters.match == "prefix":
        conditions.append(f"starts_with({table}.expression, {arguments.add(filters.expression)})")
    if filters.since is not None:
        conditions.append(f"{table}.created_at >= {arguments.add(filters.since)}")
    if filters.until is not None:
        conditions.append(f"{table}.created_at < {arguments.add(filters.until)}")
    return conditions


def _all(conditions: list[str]) -> str:
    return " AND ".join(conditions) or "true"
