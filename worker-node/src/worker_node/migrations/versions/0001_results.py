"""Results by the hour, statistics by the minute, and the three roles.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None

RESULTS = """
CREATE TABLE results (
    id uuid PRIMARY KEY,
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
    expression text NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'undefined')),
    result text NOT NULL,
    decimal text,
    worker text NOT NULL,
    version text NOT NULL,
    revision text NOT NULL,
    duration_us bigint NOT NULL CHECK (duration_us >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (id)
"""

READERS_ORDER = "CREATE INDEX results_readers_order ON results (xact, id)"

RESULT_MINUTES = """
CREATE TABLE result_minutes (
    minute timestamptz NOT NULL,
    worker text NOT NULL,
    version text NOT NULL,
    status text NOT NULL,
    answers bigint NOT NULL,
    latency_buckets bigint[] NOT NULL,
    PRIMARY KEY (minute, worker, version, status)
) WITH (fillfactor = 50)
"""

# The writer may make partitions by this function and by nothing else, so that room for new rows depends on no
# CronJob. CREATE and ATTACH in two steps, because CREATE … PARTITION OF would lock all readers out.
ENSURE_PARTITIONS = """
CREATE FUNCTION ensure_partitions(hours_behind integer, hours_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    present bigint := extract(epoch FROM date_trunc('hour', now()))::bigint;
    first bigint; made integer := 0; name text;
BEGIN
    IF hours_behind NOT BETWEEN 0 AND 240 OR hours_ahead NOT BETWEEN 0 AND 240 THEN
        RAISE EXCEPTION 'hours must be from 0 to 240, not % and %', hours_behind, hours_ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('auto-stack partitions', 0));
    FOR hour IN -hours_behind .. hours_ahead LOOP
        first := present + hour * 3600;
        name := 'results_' || to_char(to_timestamp(first) AT TIME ZONE 'UTC', 'YYYYMMDDHH24');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.results INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE public.results ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            name, public.lowest_id(first * 1000), public.lowest_id((first + 3600) * 1000));
        made := made + 1;
    END LOOP;
    RETURN made;
END $$
"""

LOWEST_ID = """
CREATE FUNCTION lowest_id(milliseconds bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
RETURN (lpad(to_hex(milliseconds), 12, '0') || repeat('0', 20))::uuid
"""

# Roles belong to the whole server, so another database's migration may be creating them at this moment.
ROLE = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

GRANTS = (
    "GRANT USAGE ON SCHEMA public TO autostack_writer, autostack_reader",
    "GRANT SELECT, INSERT ON results TO autostack_writer",
    "GRANT SELECT, INSERT, UPDATE ON result_minutes TO autostack_writer",
    "GRANT SELECT ON results, result_minutes TO autostack_reader",
    "REVOKE ALL ON FUNCTION ensure_partitions(integer, integer) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION ensure_partitions(integer, integer) TO autostack_writer",
)


def upgrade() -> None:
    """Create everything the first version needs."""
    for role in ("autostack_writer", "autostack_reader"):
        op.execute(ROLE.format(role=role))
    for statement in (RESULTS, READERS_ORDER, RESULT_MINUTES, LOWEST_ID, ENSURE_PARTITIONS, *GRANTS):
        op.execute(statement)
    op.execute("SELECT ensure_partitions(3, 24)")
