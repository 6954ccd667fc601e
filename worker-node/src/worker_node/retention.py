"""`python -m worker_node retention`: make partitions ahead and drop the oldest, by age and by size.

A partition is detached concurrently, so that readers and writers never wait for it, and then dropped. A run
that was interrupted between the two is completed by the next one.
"""

from __future__ import annotations

import logging
import time

from worker_node.errors import WorkerError
from worker_node.partitions import HOURS_AHEAD, HOURS_BEHIND, Partition, partitions_to_drop
from worker_node.settings import RetentionSettings
from worker_node.store.connection import LOST_ERRORS, Connection, close, connect, read_partitions, told
from worker_node.store.statements import ENSURE_PARTITIONS

log = logging.getLogger(__name__)

_STATEMENT_TIMEOUT_MS = 60_000
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('auto-stack retention', 0))"
_ORPHANS = """
SELECT c.relname FROM pg_class c
WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
    AND c.relname ~ '^results_[0-9]{10}$'
"""
_OLD_MINUTES = "DELETE FROM result_minutes WHERE minute < now() - make_interval(days => $1)"


async def retain(settings: RetentionSettings) -> None:
    """Do it once; raises WorkerError."""
    connection = await connect(settings, application="retention", statement_timeout_ms=_STATEMENT_TIMEOUT_MS)
    try:
        if not await connection.fetchval(_LOCK):
            log.info("another retention is running")
            return
        await connection.execute(ENSURE_PARTITIONS, HOURS_BEHIND, HOURS_AHEAD)
        await _drop_orphans(connection)
        await _drop_old(connection, settings)
        await connection.execute(_OLD_MINUTES, _minutes_days(settings))
    except LOST_ERRORS as error:
        raise WorkerError(f"the retention failed: {told(error)}") from error
    finally:
        await close(connection)


def _minutes_days(settings: RetentionSettings) -> int:
    """Never fewer than the answers themselves are kept: a search looks there for where they are."""
    return max(settings.minutes_retention_days, settings.retention_hours // 24 + 1)


async def _drop_old(connection: Connection, settings: RetentionSettings) -> None:
    doomed = partitions_to_drop(
        await read_partitions(connection),
        now_ms=time.time_ns() // 1_000_000,
        keep_hours=settings.retention_hours,
        keep_bytes=int(settings.retention_gb * 1e9),
    )
    for partition in doomed:
        await _drop(connection, partition)
    log.info("retention done", extra={"dropped": len(doomed)})


async def _drop(connection: Connection, partition: Partition) -> None:
    how = "FINALIZE" if partition.detaching else "CONCURRENTLY"
    await connection.execute(f'ALTER TABLE results DETACH PARTITION "{partition.name}" {how}')
    await connection.execute(f'DROP TABLE "{partition.name}"')
    log.info("partition dropped", extra={"partition": partition.name, "size_bytes": partition.size_bytes})


async def _drop_orphans(connection: Connection) -> None:
    """Tables that an interrupted run had detached."""
    for row in await connection.fetch(_ORPHANS):
        await connection.execute(f'DROP TABLE "{row["relname"]}"')
        log.info("partition dropped", extra={"partition": row["relname"], "orphan": True})
