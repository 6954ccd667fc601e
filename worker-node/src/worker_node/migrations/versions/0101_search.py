"""Indexes for those who read: by time, and by the beginning of an expression.

Both are made on the partitioned table, so each new partition has them from its first row. The one by time
holds no id, so all rows of a flush share one entry of it. The one by expression holds 64 characters, because
an index entry has a size limit and expressions need not keep to it; "C" makes a prefix a range. They cost the
writer about as much as the primary key does; see the decision records of result-node.

Revision ID: 0101
"""

from alembic import op

revision = "0101"
down_revision = "0001"

BY_TIME = "CREATE INDEX results_by_time ON results (created_at)"

BY_EXPRESSION = """
CREATE INDEX results_by_expression ON results ((left(expression, 64)) COLLATE "C", created_at)
"""


def upgrade() -> None:
    """Create them."""
    op.execute(BY_TIME)
    op.execute(BY_EXPRESSION)
