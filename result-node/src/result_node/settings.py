"""What result-node reads from its environment, besides what every service reads."""

from __future__ import annotations

from dataclasses import dataclass

from service_kit import DatabaseSettings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSettings(DatabaseSettings):
    """The bounds within which result-node works; a request that meets one is told so."""

    pool_size: int = setting(8, minimum=2, maximum=100, help="connections to PostgreSQL at most")
    connect_timeout_s: float = setting(2, unit="s", minimum=0.1, help="for a new connection or a free one")
    statement_timeout_s: float = setting(
        5, unit="s", minimum=0.1, help="for one statement of a page or an API call"
    )
    search_budget_rows: int = setting(
        10_000,
        unit="rows",
        minimum=10,
        maximum=1_000_000,
        help="rows that one step of a search may look at: about 20 ms",
    )
    export_statement_timeout_s: float = setting(
        60, unit="s", minimum=1, help="for one batch of rows of an export"
    )
    export_limit: int = setting(2, minimum=1, maximum=50, help="exports at the same time; more get 503")
    stream_limit: int = setting(
        200, minimum=1, maximum=10_000, help="live streams at the same time; more get 503"
    )
    stream_interval_s: float = setting(
        0.5, unit="s", minimum=0.05, help="between two events of a live stream, at least"
    )
