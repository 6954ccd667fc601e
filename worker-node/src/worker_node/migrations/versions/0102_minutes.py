"""Where in time a worker, a version or a status occurs, without reading the summary of all minutes.

A search jumps over the time in which nothing can match, and the summary is kept for months. A flush updates a
minute's row without touching these columns, so it costs the writer one entry each for a new minute only.

Revision ID: 0102
"""

from alembic import op

revision = "0102"
down_revision = "0101"

COLUMNS = ("worker", "version", "status")


def upgrade() -> None:
    """Create them."""
    for column in COLUMNS:
        op.execute(f"CREATE INDEX result_minutes_by_{column} ON result_minutes ({column}, minute)")
