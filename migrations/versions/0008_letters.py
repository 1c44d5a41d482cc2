"""Dead letters are found by the county and the type that they name, and tell who refused them and since when they fail.

A worker of the version before goes on beside it: what it keeps names neither.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

LETTERS = "dead_letters"
AT_ONCE = 1000
NEWEST = sa.text("SELECT coalesce(max(id), 0) FROM dead_letters")
NAME_AS_THEIR_JOBS = sa.text("""
    UPDATE dead_letters AS letter SET county_id = job.county_id, analysis_type = job.analysis_type
    FROM market_analysis_jobs AS job
    WHERE letter.id > :after AND letter.id <= :to AND letter.county_id IS NULL AND job.job_id = letter.job_id
      AND (letter.stage IN ('analyse', 'publish') OR (
          job.origin_topic = letter.topic AND job.origin_partition = letter.partition
          AND job.origin_offset = letter.offset
      ))
""")
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
    """Give letters of before the county and the type of the job that they tell of, a thousand at a time."""
    connection = op.get_bind()
    for after in range(0, connection.execute(NEWEST).scalar_one(), AT_ONCE):
        connection.execute(NAME_AS_THEIR_JOBS, {"after": after, "to": after + AT_ONCE})


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
