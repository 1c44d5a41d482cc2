"""Fair queues, pauses, and what becomes of dead letters.

A worker of the version before goes on beside it: what it writes has defaults here, and it claims as it did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

JOBS = "market_analysis_jobs"
WAITS = sa.text("status = 'PENDING'")
AT_ONCE = 5000
GIVE_PLACES = sa.text(f"""
    UPDATE market_analysis_jobs SET queue_at = created_at + (5 - priority) * interval '5 minutes'
    WHERE job_id IN (
        SELECT job_id FROM market_analysis_jobs
        WHERE status = 'PENDING' AND queue_at <> created_at + (5 - priority) * interval '5 minutes'
        LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED
    )
""")  # noqa: S608 - our own number


def upgrade() -> None:
    """Keep every lock short: what takes time is done row by row, or beside the workers, in commits of its own.

    So it may be broken off in the middle, and must be able to begin again.
    """
    op.execute("SET LOCAL lock_timeout = '5s'")
    _upgrade_letters()
    _create_pauses()
    moment = sa.DateTime(timezone=True)
    op.add_column(
        JOBS, sa.Column("queue_at", moment, server_default=sa.text("now()"), nullable=False), if_not_exists=True
    )
    with op.get_context().autocommit_block():
        _give_places()
        _create_index("ix_jobs_queue", ["county_id", "analysis_type", "queue_at", "job_id"], WAITS)
        _create_index("ix_jobs_deadlines", ["deadline"], sa.text("status = 'PENDING' AND deadline IS NOT NULL"))


def _give_places() -> None:
    """Write the places of those that wait, some thousands at a time, so that the rest can be claimed meanwhile."""
    moved = AT_ONCE
    while moved == AT_ONCE:
        moved = op.get_bind().execute(GIVE_PLACES).rowcount


def _create_index(name: str, columns: list[str], condition: sa.TextClause) -> None:
    """Create an index beside the workers; one left half made by a run that was broken off goes first."""
    op.drop_index(name, JOBS, postgresql_concurrently=True, if_exists=True)
    op.create_index(name, JOBS, columns, postgresql_where=condition, postgresql_concurrently=True)


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
        if_not_exists=True,
    )
    op.create_table(
        "county_turns",
        sa.Column("county_id", sa.Text(), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("county_id", name=op.f("pk_county_turns")),
        if_not_exists=True,
    )


def _upgrade_letters() -> None:
    for column in (
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("replayed_as", sa.Uuid(), nullable=True),
    ):
        op.add_column("dead_letters", column, if_not_exists=True)
    _hold("ck_dead_letters_state", "state IN ('discarded', 'open', 'replayed')")
    _hold("ck_dead_letters_handled_has_time", "(handled_at IS NULL) = (state = 'open')")
    op.create_index(
        "ix_dead_letters_open", "dead_letters", ["id"], postgresql_where=sa.text("state = 'open'"), if_not_exists=True
    )


def _hold(name: str, condition: str) -> None:
    op.drop_constraint(op.f(name), "dead_letters", if_exists=True)
    op.create_check_constraint(op.f(name), "dead_letters", condition)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("ix_dead_letters_open", table_name="dead_letters")
    for column in ("replayed_as", "handled_by", "handled_at", "note", "state"):
        op.drop_column("dead_letters", column)
    op.drop_table("county_turns")
    op.drop_table("pauses")
    op.drop_index("ix_jobs_deadlines", table_name=JOBS)
    op.drop_index("ix_jobs_queue", table_name=JOBS)
    op.drop_column(JOBS, "queue_at")
