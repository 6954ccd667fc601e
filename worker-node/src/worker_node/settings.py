"""The worker's settings."""

from __future__ import annotations

from dataclasses import dataclass

from service_kit import DatabaseSettings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(DatabaseSettings):
    """What `python -m worker_node` reads."""

    queue_limit: int = setting(
        4096, unit="rows", minimum=1, help="rows that may wait or be in a flush; beyond it requests get 503"
    )
    batch_limit: int = setting(512, unit="rows", minimum=1, maximum=10_000, help="rows in one statement")
    statement_timeout_ms: int = setting(
        5_000, unit="ms", minimum=10, help="after which PostgreSQL gives up a statement"
    )
    store_deadline_s: float = setting(
        10, unit="s", minimum=0.1, help="after which a request that could not be stored gets 503"
    )
    partition_check_s: float = setting(
        300, unit="s", minimum=1, help="how often the partitions ahead are made sure of"
    )
    fault_injection: bool = setting(False, help="1 opens /faults, for experiments only")
    fault_latency_ms: float = setting(
        0, unit="ms", minimum=0, maximum=60_000, help="latency added from the start, with FAULT_INJECTION=1"
    )
    fault_error_rate: float = setting(
        0, minimum=0, maximum=1, help="share of requests failed from the start, with FAULT_INJECTION=1"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSettings(DatabaseSettings):
    """What `python -m worker_node migrate` reads; PGUSER is the owner."""

    writer_password: str = setting(help="password to give the role autostack_writer", secret=True)
    reader_password: str = setting(help="password to give the role autostack_reader", secret=True)
    migration_timeout_s: float = setting(
        300, unit="s", minimum=1, help="how long to wait for another process's migration"
    )
    database_wait_s: float = setting(
        60, unit="s", minimum=0, help="how long to wait for a database that does not answer yet"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings(DatabaseSettings):
    """What `python -m worker_node retention` reads; PGUSER is the owner."""

    retention_hours: int = setting(
        72, unit="h", minimum=3, help="answers older than this are dropped, a partition at a time"
    )
    retention_gb: float = setting(
        0, unit="GB", minimum=0, help="above it the oldest partitions are dropped; 0 means no such limit"
    )
    minutes_retention_days: int = setting(
        90,
        unit="d",
        minimum=1,
        help="statistics by minute older than this, and than the answers, are deleted",
    )
