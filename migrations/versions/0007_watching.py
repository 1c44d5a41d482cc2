"""Workers tell of themselves; lag and rates are kept; jobs are found by when they ended.

A worker of the version before goes on beside it, and is not told of.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

JOBS = "market_analysis_jobs"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("host", "version", "address", "presence")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("pid", "slots", "in_flight", "children")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("has_pool", "leads")),
        sa.Column("partitions", postgresql.JSONB(), nullable=False),
        *(
            sa.Column(name, moment, server_default=sa.text("now()"), nullable=False)
            for name in ("started_at", "seen_at")
        ),
        sa.CheckConstraint("presence IN ('draining', 'stopped', 'working')", name="presence"),
        if_not_exists=True,
    )
    op.create_table(
        "lag_samples",
        sa.Column("at", moment, primary_key=True),
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("lag", sa.BigInteger(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "job_rates",
        sa.Column("width_s", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", moment, primary_key=True),
        sa.Column("analysis_type", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("completed", "failed", "cancelled")),
        *(sa.Column(name, sa.Double()) for name in ("wait_p50", "wait_p95", "run_p50", "run_p95")),
        if_not_exists=True,
    )
    with op.get_context().autocommit_block():
        op.drop_index("ix_jobs_ended", JOBS, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            "ix_jobs_ended",
            JOBS,
            ["completed_at"],
            postgresql_where=sa.text("completed_at IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_jobs_ended", JOBS)
    for table in ("job_rates", "lag_samples", "workers"):
        op.drop_table(table)
