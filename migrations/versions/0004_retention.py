"""Jobs may be forgotten: the outbox tells of it.

A worker of the version before goes on beside it: it writes no such entries, and one that it relays it drops.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("outbox", sa.Column("purged", postgresql.ARRAY(sa.Uuid()), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("outbox", "purged")
