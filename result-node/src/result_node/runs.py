"""A run's segments, when only its tag is known.

A run begins a new segment every hour, and all ids of a segment share their 48 bits of time. So the
moments that occur in the table are few, and a loose scan of the primary key visits each once: jump behind
the last id of this moment, look, jump. Clients without ids of their own make a moment each; past STEPS of
them the answer is a request to name the segments.
"""

from __future__ import annotations

import uuid

from service_kit.problem_id import run_bounds

from result_node.walks import Statement

STEPS = 2000

_TAIL = "-ffff-ffff-ffffffffffff"
_MOMENT_DIGITS = 13  # eight and four hexadecimal digits and the hyphen between


def segments_of(run: int) -> Statement:
    """Rows (moment, found, step): the moments that occur, as the beginning of an id's text, and whether
    the run has one there.
    """
    low, high = (str(bound)[_MOMENT_DIGITS:] for bound in run_bounds(run, 0))
    sql = f"""
        WITH RECURSIVE moments (moment, step) AS (
            (SELECT left(id::text, {_MOMENT_DIGITS}), 1 FROM results ORDER BY id LIMIT 1)
            UNION ALL
            SELECT left(following.id::text, {_MOMENT_DIGITS}), moments.step + 1
            FROM moments CROSS JOIN LATERAL (
                SELECT id FROM results WHERE id > (moments.moment || '{_TAIL}')::uuid ORDER BY id LIMIT 1
            ) AS following
            WHERE moments.step < {STEPS}
        )
        SELECT moment, step, EXISTS (
            SELECT FROM results WHERE id >= (moment || $1)::uuid AND id <= (moment || $2)::uuid
        ) AS found
        FROM moments"""  # noqa: S608 - constants only
    return Statement(sql, (low, high))


def moment_ms(moment: str) -> int:
    """The milliseconds of a moment's text."""
    return int(moment.replace("-", ""), 16)


def bounds_of(run: int, segments_ms: list[int]) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """The first and last id of each segment, once each."""
    return [run_bounds(run, segment_ms) for segment_ms in sorted(set(segments_ms))]
