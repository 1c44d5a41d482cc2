"""Fair queues, pauses, and what becomes of dead letters.

A worker of the version before goes on beside it: what it writes has defaults here, and it claims as it did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

JOBS = "market_analysis_jobs"
WAITS = sa.text("status = 'PENDING'")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _upgrade_jobs()
    _create_pauses()
    _upgrade_letters()


def _upgrade_jobs() -> None:
    op.add_column(
        JOBS, sa.Column("queue_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )
    op.execute(
        f"UPDATE {JOBS} SET queue_at = created_at + (5 - priority) * interval '5 minutes' WHERE status = 'PENDING'"
    )
    op.create_index("ix_jobs_queue", JOBS, ["county_id", "queue_at", "job_id"], postgresql_where=WAITS)
    op.create_index(
        "ix_jobs_deadlines",
        JOBS,
        ["deadline"],
        postgresql_where=sa.text("status = 'PENDING' AND deadline IS NOT NULL"),
    )
    op.drop_index("ix_jobs_waiting", table_name=JOBS)


def _create_pauses() -> None:
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("scope IN ('county', 'intake', 'type')", name=op.f("ck_pauses_scope")),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_pauses")),
    )
    op.create_table(
        "county_turns",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("county_id", name=op.f("pk_county_turns")),
    )


def _upgrade_letters() -> None:
    op.add_column("dead_letters", sa.Column("state", sa.Text(), server_default="open", nullable=False))
    op.add_column("dead_letters", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("dead_letters", sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("dead_letters", sa.Column("handled_by", sa.Text(), nullable=True))
    op.add_column("dead_letters", sa.Column("replayed_as", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_dead_letters_state"), "dead_letters", "state IN ('discarded', 'open', 'replayed')"
    )
    op.create_check_constraint(
        op.f("ck_dead_letters_handled_has_time"), "dead_letters", "(handled_at IS NULL) = (state = 'open')"
    )
    op.create_index("ix_dead_letters_open", "dead_letters", ["id"], postgresql_where=sa.text("state = 'open'"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_dead_letters_open", table_name="dead_letters")
    for column in ("replayed_as", "handled_by", "handled_at", "note", "state"):
        op.drop_column("dead_letters", column)
    op.drop_table("county_turns")
    op.drop_table("pauses")
    op.create_index("ix_jobs_waiting", JOBS, [sa.text("priority DESC"), "created_at", "job_id"], postgresql_where=WAITS)
    op.drop_index("ix_jobs_deadlines", table_name=JOBS)
    op.drop_index("ix_jobs_queue", table_name=JOBS)
    op.drop_column(JOBS, "queue_at")
