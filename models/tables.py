"""The tables. Column names are read by other systems and stay; CHECKs come from the transition table."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.access import Role
from models.dead_letters import LetterState
from models.jobs import TERMINAL, FailureReason, JobStatus
from models.pauses import Scope
from models.workers import Presence

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    }
)

Timestamp: Final = DateTime(timezone=True)


def _one_of(column: str, values: Iterable[StrEnum]) -> str:
    names = ", ".join(f"'{value}'" for value in sorted(values))
    return f"{column} IN ({names})"


jobs: Final = Table(
    "market_analysis_jobs",
    metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("analysis_type", Text, nullable=False),
    Column("county_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("parameters_json", JSONB, nullable=False),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("updated_at", Timestamp, nullable=False, server_default=func.now()),
    Column("started_at", Timestamp),
    Column("completed_at", Timestamp),
    Column("result_summary_json", JSONB),
    Column("result_data_location", Text),
    Column("result_sha256", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("queue_at", Timestamp, nullable=False, server_default=func.now()),
    Column("run_after", Timestamp),
    Column("deadline", Timestamp),
    Column("owner", Text),
    Column("lease_until", Timestamp),
    Column("failure_reason", Text),
    Column("sequence", Integer, nullable=False, server_default="1"),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("data_version", Text),
    Column("retry_of", Uuid),
    Column("digest", Text, nullable=False),
    Column("correlation_id", Text),
    Column("requested_by", Text),
    Column("traceparent", Text),
    Column("origin_topic", Text),
    Column("origin_partition", Integer),
    Column("origin_offset", BigInteger),
    Column("claimed_at", Timestamp),
    Column("worker", Text),
    CheckConstraint(_one_of("status", JobStatus), name="status"),
    CheckConstraint(_one_of("failure_reason", FailureReason), name="failure_reason"),
    CheckConstraint(f"(completed_at IS NOT NULL) = ({_one_of('status', TERMINAL)})", name="terminal_has_end"),
    CheckConstraint(f"(failure_reason IS NOT NULL) = (status = '{JobStatus.FAILED}')", name="failed_has_reason"),
    CheckConstraint(f"(lease_until IS NOT NULL) = (status = '{JobStatus.RUNNING}')", name="running_has_lease"),
    CheckConstraint(f"(owner IS NOT NULL) = (status = '{JobStatus.RUNNING}')", name="running_has_owner"),
)
"""One row a job, for ever the truth about it.

``queue_at`` is its place among the waiting ones of its county: when it was accepted, moved by what its priority is
worth in waiting. So a job gains on all others with the time, and its place never has to be written again.
``claimed_at`` and ``worker`` tell of its last attempt, also when that is over; `job_attempts` has the ones before.
"""

waits: Final = jobs.c.status == text(f"'{JobStatus.PENDING}'")
"""A condition that the partial indexes serve, as `runs` is: written with a literal."""
runs: Final = jobs.c.status == text(f"'{JobStatus.RUNNING}'")

NEWEST_FIRST: Final = (jobs.c.created_at.desc(), jobs.c.job_id.desc())
"""The order of every list."""
NEWEST_OF_SOME: Final = (jobs.c.created_at.desc().nulls_last(), jobs.c.job_id.desc().nulls_last())
"""The same, as the indexes have it that begin with a condition: written another way, so that the planner cannot walk all
jobs in its stead."""

Index("ix_jobs_newest", *NEWEST_FIRST)
Index("ix_jobs_status", jobs.c.status, *NEWEST_OF_SOME)
Index("ix_jobs_county", jobs.c.county_id, jobs.c.status, *NEWEST_OF_SOME)
Index("ix_jobs_type", jobs.c.analysis_type, jobs.c.status, *NEWEST_OF_SOME)
Index("ix_jobs_county_type", jobs.c.county_id, jobs.c.analysis_type, jobs.c.status, *NEWEST_OF_SOME)
Index(
    "ix_jobs_correlation",
    jobs.c.correlation_id,
    *NEWEST_OF_SOME,
    postgresql_where=jobs.c.correlation_id.is_not(None),
)
Index("ix_jobs_requester", jobs.c.requested_by, *NEWEST_OF_SOME, postgresql_where=jobs.c.requested_by.is_not(None))
Index("ix_jobs_retries", jobs.c.retry_of, postgresql_where=jobs.c.retry_of.is_not(None))
Index(
    "ix_jobs_queue",
    jobs.c.county_id,
    jobs.c.analysis_type,
    jobs.c.queue_at,
    jobs.c.job_id,
    postgresql_where=waits,
)
Index("ix_jobs_deadlines", jobs.c.deadline, postgresql_where=waits & jobs.c.deadline.is_not(None))
Index("ix_jobs_leases", jobs.c.lease_until, postgresql_where=runs)
Index("ix_jobs_ended", jobs.c.completed_at, postgresql_where=jobs.c.completed_at.is_not(None))

job_attempts: Final = Table(
    "job_attempts",
    metadata,
    Column("job_id", Uuid, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text),
    Column("claimed_at", Timestamp),
    Column("ended_at", Timestamp, nullable=False, server_default=func.now()),
    Column("message", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "attempt"),
)
"""Attempts after which a job went back to the queue; the last one stands in the job's own row."""

job_logs: Final = Table(
    "job_logs",
    metadata,
    Column("job_id", Uuid, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("left_out", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("job_id", "attempt"),
)
"""The last lines that were logged for an attempt, and how many went before them; no row where there is none."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("moves", Text),
    Column("letters", ARRAY(BigInteger)),
    Column("purged", ARRAY(Uuid)),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
)
"""What one statement has to tell, in order; gone once the broker has acknowledged all of it.

``moves`` is a JSON array of the rows it moved, ``letters`` the ids of the dead letters it kept, ``purged`` the jobs it
forgot.
"""

pauses: Final = Table(
    "pauses",
    metadata,
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text),
    Column("requested_by", Text),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("scope", "name"),
    CheckConstraint(_one_of("scope", Scope), name="scope"),
)
"""What stands still by somebody's order: the intake (its name is empty), counties, analysis types."""

workers: Final = Table(
    "workers",
    metadata,
    Column("worker_id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("in_flight", Integer, nullable=False),
    Column("children", Integer, nullable=False),
    Column("has_pool", Boolean, nullable=False),
    Column("leads", Boolean, nullable=False),
    Column("partitions", JSONB, nullable=False),
    Column("started_at", Timestamp, nullable=False, server_default=func.now()),
    Column("seen_at", Timestamp, nullable=False, server_default=func.now()),
    CheckConstraint(_one_of("presence", Presence), name="presence"),
)
"""What each worker last said of itself; one that was silent for long is forgotten."""

lag_samples: Final = Table(
    "lag_samples",
    metadata,
    Column("at", Timestamp, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("lag", BigInteger, nullable=False),
    PrimaryKeyConstraint("at", "topic", "partition"),
)
"""How far the consumer group was behind, once a minute; whichever worker comes first writes it."""

job_rates: Final = Table(
    "job_rates",
    metadata,
    Column("width_s", Integer, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("analysis_type", Text, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("wait_p50", Double),
    Column("wait_p95", Double),
    Column("run_p50", Double),
    Column("run_p95", Double),
    PrimaryKeyConstraint("width_s", "at", "analysis_type"),
)
"""What became of the jobs that ended within ``width_s`` seconds from ``at`` on; an empty type stands for all of them."""

county_turns: Final = Table(
    "county_turns",
    metadata,
    Column("county_id", Text, primary_key=True),
    Column("served_at", Timestamp, nullable=False),
)
"""When a job of each county was last claimed: of counties that are equal else, the one that waited longest is next."""

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer),
    Column("offset", BigInteger),
    Column("timestamp", Timestamp, nullable=False),
    Column("job_id", Uuid),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary, nullable=False),
    Column("stage", Text, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("state", Text, nullable=False, server_default=LetterState.OPEN.value),
    Column("note", Text),
    Column("handled_at", Timestamp),
    Column("handled_by", Text),
    Column("replayed_as", Uuid),
    Column("county_id", Text),
    Column("analysis_type", Text),
    Column("worker", Text),
    Column("first_failed_at", Timestamp),
    CheckConstraint(_one_of("state", LetterState), name="state"),
    CheckConstraint(f"(handled_at IS NULL) = (state = '{LetterState.OPEN}')", name="handled_has_time"),
    Index("uq_dead_letters_coordinates", "topic", "partition", "offset", "stage", unique=True),
)
"""Messages that could not be used, whole, and what somebody did about each."""

Index("ix_dead_letters_open", dead_letters.c.id, postgresql_where=dead_letters.c.state == text(f"'{LetterState.OPEN}'"))
Index(
    "ix_dead_letters_county",
    dead_letters.c.county_id,
    dead_letters.c.id,
    postgresql_where=dead_letters.c.county_id.is_not(None),
)
Index(
    "ix_dead_letters_type",
    dead_letters.c.analysis_type,
    dead_letters.c.id,
    postgresql_where=dead_letters.c.analysis_type.is_not(None),
)

access_tokens: Final = Table(
    "access_tokens",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("counties", ARRAY(Text)),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("created_by", Text),
    Column("expires_at", Timestamp),
    Column("revoked_at", Timestamp),
    CheckConstraint(_one_of("role", Role), name="role"),
    Index("uq_access_tokens_digest", "digest", unique=True),
)
"""Who may do what; null counties are all. Of the token itself only its SHA-256."""

access_sessions: Final = Table(
    "access_sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("token_id", BigInteger, ForeignKey(access_tokens.c.id), nullable=False),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    Column("expires_at", Timestamp, nullable=False, index=True),
)
"""A browser in which somebody has shown a token, by the SHA-256 of its cookie."""

audit_log: Final = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", Timestamp, nullable=False, server_default=func.now(), index=True),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("who", Text),
    Column("token_id", BigInteger),
    Column("county_id", Text),
    Column("job_id", Uuid),
    Column("letter_id", BigInteger),
    Column("detail", Text),
    Column("address", Text),
)
"""Who did what, when, and what came of it. A trigger refuses to change an entry; retention alone removes some."""
