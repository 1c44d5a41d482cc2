"""Lists of a million jobs by any filter, attempts and their logs.

A worker of the version before goes on beside it: what it writes has no need of what is new here. The indexes that go are
replaced by ones that begin with the same column.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

JOBS = "market_analysis_jobs"
NEWEST_FIRST = (sa.text("created_at DESC NULLS LAST"), sa.text("job_id DESC NULLS LAST"))
INDEXES = {
    "ix_jobs_status": ("status", *NEWEST_FIRST),
    "ix_jobs_county": ("county_id", "status", *NEWEST_FIRST),
    "ix_jobs_type": ("analysis_type", "status", *NEWEST_FIRST),
    "ix_jobs_county_type": ("county_id", "analysis_type", "status", *NEWEST_FIRST),
    "ix_jobs_correlation": ("correlation_id", *NEWEST_FIRST),
    "ix_jobs_requester": ("requested_by", *NEWEST_FIRST),
    "ix_jobs_retries": ("retry_of",),
}
PARTIAL = {
    "ix_jobs_correlation": "correlation_id IS NOT NULL",
    "ix_jobs_requester": "requested_by IS NOT NULL",
    "ix_jobs_retries": "retry_of IS NOT NULL",
}
REPLACED = {
    "ix_market_analysis_jobs_analysis_type": ("analysis_type",),
    "ix_market_analysis_jobs_county_id": ("county_id",),
    "ix_market_analysis_jobs_status": ("status",),
    "ix_jobs_waiting": (sa.text("priority DESC"), "created_at", "job_id"),
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(JOBS, sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True), if_not_exists=True)
    op.add_column(JOBS, sa.Column("worker", sa.Text(), nullable=True), if_not_exists=True)
    _create_tables()
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            _create_index(name, columns, PARTIAL.get(name))
        for name in REPLACED:
            op.drop_index(name, JOBS, postgresql_concurrently=True, if_exists=True)


def _create_tables() -> None:
    op.create_table(
        "job_attempts",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", name=op.f("pk_job_attempts")),
        if_not_exists=True,
    )
    op.create_table(
        "job_logs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("left_out", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", name=op.f("pk_job_logs")),
        if_not_exists=True,
    )


def _create_index(name: str, columns: tuple[object, ...], condition: str | None) -> None:
    """Create an index beside the workers; one left half made by a run that was broken off goes first."""
    op.drop_index(name, JOBS, postgresql_concurrently=True, if_exists=True)
    where = sa.text(condition) if condition else None
    op.create_index(name, JOBS, columns, postgresql_where=where, postgresql_concurrently=True)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in INDEXES:
        op.drop_index(name, table_name=JOBS)
    for name, columns in REPLACED.items():
        where = sa.text("status = 'PENDING'") if name == "ix_jobs_waiting" else None
        op.create_index(name, JOBS, columns, postgresql_where=where)
    op.drop_table("job_logs")
    op.drop_table("job_attempts")
    for column in ("worker", "claimed_at"):
        op.drop_column(JOBS, column)
