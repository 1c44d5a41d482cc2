"""Dead letters are found by the county and the type that they name, and tell who refused them and since when they fail.

A worker of the version before goes on beside it: what it keeps names neither.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

LETTERS = "dead_letters"
AT_ONCE = 5000
NAME_AS_THEIR_JOBS = sa.text(f"""
    UPDATE dead_letters SET county_id = job.county_id, analysis_type = job.analysis_type
    FROM market_analysis_jobs AS job
    WHERE job.job_id = dead_letters.job_id AND dead_letters.id IN (
        SELECT letter.id FROM dead_letters AS letter JOIN market_analysis_jobs AS own USING (job_id)
        WHERE letter.county_id IS NULL AND (letter.stage IN ('analyse', 'publish') OR (
            own.origin_topic = letter.topic AND own.origin_partition = letter.partition
            AND own.origin_offset = letter.offset
        ))
        LIMIT {AT_ONCE} FOR UPDATE OF letter SKIP LOCKED
    )
""")  # noqa: S608 - our own number
INDEXES = {"ix_dead_letters_county": "county_id", "ix_dead_letters_type": "analysis_type"}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in ("county_id", "analysis_type", "worker"):
        op.add_column(LETTERS, sa.Column(name, sa.Text(), nullable=True), if_not_exists=True)
    moment = sa.DateTime(timezone=True)
    op.add_column(LETTERS, sa.Column("first_failed_at", moment, nullable=True), if_not_exists=True)
    with op.get_context().autocommit_block():
        _name_as_their_jobs()
        for name, column in INDEXES.items():
            _create_index(name, column)


def _name_as_their_jobs() -> None:
    """Give letters of before the county and the type of the job that they tell of, some thousands at a time."""
    named = AT_ONCE
    while named == AT_ONCE:
        named = op.get_bind().execute(NAME_AS_THEIR_JOBS).rowcount


def _create_index(name: str, column: str) -> None:
    """Create an index beside the workers; one left half made by a run that was broken off goes first."""
    op.drop_index(name, LETTERS, postgresql_concurrently=True, if_exists=True)
    where = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, LETTERS, [column, "id"], postgresql_where=where, postgresql_concurrently=True)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in INDEXES:
        op.drop_index(name, LETTERS)
    for column in ("first_failed_at", "worker", "analysis_type", "county_id"):
        op.drop_column(LETTERS, column)
