"""The SQL of the store. A flush is one statement, so its rows and its statistics are stored together or not
at all.

`ON CONFLICT DO NOTHING` on the primary key is what makes every retry harmless: of the client, of a flush
whose outcome a cut wire hid, of two workers with the same problem. Only rows that were really inserted are
counted into the minute.
"""

from __future__ import annotations

LATENCY_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds (inclusive) of `result_minutes.latency_buckets`; one more bucket holds what is above."""

_FIRST_ABOVE_US = ", ".join(str(round(bound * 1e6) + 1) for bound in LATENCY_BOUNDS_S)

FLUSH = f"""
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
        AS given (id, expression, status, result, decimal, duration_us)
), stored AS (
    INSERT INTO results (id, expression, status, result, decimal, worker, version, revision, duration_us)
    SELECT id, expression, status, result, decimal, $7, $8, $9, duration_us FROM given
    ON CONFLICT (id) DO NOTHING
    RETURNING status, duration_us
), counted AS (
    SELECT status, count(*) AS answers,
        width_bucket(duration_us, ARRAY[{_FIRST_ABOVE_US}]::bigint[]) AS bucket
    FROM stored GROUP BY status, bucket
), minutes AS (
    INSERT INTO result_minutes AS kept (minute, worker, version, status, answers, latency_buckets)
    SELECT date_trunc('minute', now()), $7, $8, status, sum(answers), ARRAY(
        SELECT coalesce(sum(c.answers), 0)::bigint
        FROM generate_series(0, {len(LATENCY_BOUNDS_S)}) AS bucket
        LEFT JOIN counted c ON c.bucket = bucket.bucket AND c.status = counted.status
        GROUP BY bucket.bucket ORDER BY bucket.bucket
    )
    FROM counted GROUP BY status
    ON CONFLICT (minute, worker, version, status) DO UPDATE SET
        answers = kept.answers + excluded.answers,
        latency_buckets = ARRAY(
            SELECT before + added
            FROM unnest(kept.latency_buckets, excluded.latency_buckets)
                WITH ORDINALITY AS bucket (before, added, place)
            ORDER BY place
        )
)
SELECT count(*) FROM stored
"""  # noqa: S608 - only our own constants are formatted in

READ_BACK = """
SELECT id, expression, status, result, decimal, worker, version FROM results WHERE id = ANY ($1::uuid[])
"""

ENSURE_PARTITIONS = "SELECT ensure_partitions($1, $2)"

PARTITIONS = """
SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds, i.inhdetachpending AS detaching,
    pg_total_relation_size(c.oid) AS size_bytes
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'public.results'::regclass
ORDER BY 1
"""
