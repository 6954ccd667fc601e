"""Ten million rows in minutes: made by the server itself, hour by hour, as workers would have left them.

Forty rows share a moment and a transaction, as the rows of a flush do; one run has a segment an hour; a
version lives four hours, and its six pods ten minutes each, as under chaos; some ids are of clients without
a run, each of a moment of its own. The summary of minutes is counted from the rows afterwards.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
from harness.stored_rows import RUN, ResultsDatabase, position_id
from questions import Known

HOURS = 24
FLUSH_ROWS = 40
WITHOUT_RUN = 40
"""Ids of clients that send none, in each hour."""

ONE_HOUR = f"""
INSERT INTO results (
    id, xact, expression, status, result, decimal, worker, version, revision, duration_us, created_at
)
SELECT
    (left($1, 26) || lpad(to_hex(n), 10, '0'))::uuid,
    (1 + n / {FLUSH_ROWS})::text::xid8,
    CASE WHEN n % 11 = 0 THEN 'factorial(' || n % 500 || ')'
         WHEN n % 7 = 0 THEN n % 9973 || '/' || n % 5
         ELSE abs(hashint4(n::int)) % 1000000 || '*'
            || abs(hashint4(n::int + 1)) % 10000 || '+' || n % 1000 END,
    CASE WHEN n % 7 = 0 AND n % 5 = 0 AND n % 11 <> 0 THEN 'undefined' ELSE 'ok' END,
    (hashint4(n::int)::bigint * 77)::text,
    CASE WHEN n % 7 = 0 THEN '0.142857142857' END,
    'worker-node-' || $4 || '-' || (n - $3) * 6 / $6 || '-' || n / {FLUSH_ROWS} % 6,
    'v0.' || $4,
    '0123456789ab',
    800 + abs(hashint4(n::int)) % 20000,
    $2::timestamptz + (n - $3) / {FLUSH_ROWS} * {FLUSH_ROWS} * $5::interval
FROM generate_series($3::bigint, $3::bigint + $6::bigint - 1) AS n
"""  # noqa: S608 - our own constants

WITHOUT_RUN_ROWS = f"""
INSERT INTO results (id, xact, expression, status, result, worker, version, revision, duration_us, created_at)
SELECT
    (lpad(to_hex((extract(epoch FROM $1::timestamptz + n * interval '1 min') * 1000)::bigint), 12, '0')
        || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
    '1'::xid8, n || '*2', 'ok', (n * 2)::text,
    'worker-node-' || $2 || '-0-0', 'v0.' || $2, '0123456789ab', 900,
    $1::timestamptz + n * interval '1 min'
FROM generate_series(1, {WITHOUT_RUN}) AS n
"""  # noqa: S608 - our own constants

SPEND_TRANSACTIONS = """
DO $$ BEGIN
    FOR spent IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END $$
"""
"""A flush has a transaction of its own, and rows of transactions that never were would never be final."""

MINUTES = """
INSERT INTO result_minutes
SELECT minute, worker, version, status, sum(count)::bigint, array_agg(count ORDER BY bucket)
FROM (
    SELECT minute, worker, version, status, bucket, coalesce(counted.count, 0) AS count
    FROM (
        SELECT DISTINCT date_trunc('minute', created_at) AS minute, worker, version, status FROM results
    ) AS keys
    CROSS JOIN generate_series(0, 12) AS bucket
    LEFT JOIN (
        SELECT date_trunc('minute', created_at) AS minute, worker, version, status,
            width_bucket(duration_us, ARRAY[1001, 2001, 5001, 10001, 20001, 50001, 100001, 200001, 500001,
                1000001, 2000001, 5000001]::bigint[]) AS bucket, count(*) AS count
        FROM results GROUP BY 1, 2, 3, 4, 5
    ) AS counted USING (minute, worker, version, status, bucket)
) AS filled
GROUP BY 1, 2, 3, 4
"""


async def fill(database: ResultsDatabase, *, rows: int) -> Known:
    """Store so many rows over the last day, and say what is known of them."""
    connection = await database.connect()
    await connection.execute("SET synchronous_commit = off")
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=HOURS)
    await connection.execute(f"SELECT ensure_partitions({HOURS}, 24)")
    await connection.execute(SPEND_TRANSACTIONS.format(count=rows // FLUSH_ROWS))
    per_hour = rows // HOURS
    for hour in range(HOURS):
        start, version = first + timedelta(hours=hour), str(1 + hour // 4)
        await connection.execute(
            ONE_HOUR,
            str(position_id(0, segment=start)),
            start,
            hour * per_hour,
            version,
            timedelta(hours=1) / per_hour,
            per_hour,
        )
        await connection.execute(WITHOUT_RUN_ROWS, start, version)
    await connection.execute(MINUTES)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    known = await _known(connection, first=first, rows=rows)
    await connection.close()
    return known


async def _known(connection: asyncpg.Connection, *, first: datetime, rows: int) -> Known:
    table, indexes = await connection.fetchrow(
        "SELECT sum(pg_table_size(inhrelid))::bigint, sum(pg_indexes_size(inhrelid))::bigint"
        " FROM pg_inherits WHERE inhparent = 'results'::regclass"
    )
    return Known(
        first=first,
        hours=HOURS,
        asked_rows=rows,
        rows=rows // HOURS * HOURS,
        run=f"{RUN:09x}",
        table_bytes=table,
        index_bytes=indexes,
    )
