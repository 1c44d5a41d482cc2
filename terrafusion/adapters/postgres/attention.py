"""Which jobs somebody should look at, and which moved since a moment: each kind by an index, among so many and no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from models.access import Counties as Seen
from models.attempts import Attention
from models.jobs import TERMINAL, Job, JobStatus
from models.messages import JobStatusChanged
from models.tables import NEWEST_OF_SOME, Timestamp, jobs, runs, waits
from terrafusion.adapters.postgres.reading import LISTED, job_of, seen
from terrafusion.adapters.postgres.telling import TOLD
from terrafusion.ports.history import DEADLINE_NEAR, LEASE_GRACE, REFUSED, WAITS_LONG
from terrafusion.ports.jobs import MOST_LOOKED_AT

_again: Final = jobs.alias("again")


def _ago(age: timedelta) -> ColumnElement[datetime]:
    """Return a moment by the database's clock; a negative age lies ahead."""
    return func.now() - text(f"interval '{age.total_seconds()} seconds'")


def failures(limit: int, counties: Seen = None) -> Select[Any]:
    """Make the statement of the failed that nobody has retried."""
    newest = select(*LISTED).where(jobs.c.status == JobStatus.FAILED, *seen(counties)).order_by(*NEWEST_OF_SOME)
    rows = newest.limit(MOST_LOOKED_AT).subquery("failed")
    refused = rows.c.failure_reason.in_(sorted(REFUSED)) & (rows.c.attempt == 0)
    retry = select(_again.c.job_id).where(_again.c.retry_of == rows.c.job_id).limit(1).scalar_subquery()
    last = rows.c.created_at.desc().nulls_last(), rows.c.job_id.desc().nulls_last()
    return select(rows).where(~refused, retry.is_(None)).order_by(*last).limit(limit)


def behind(counties: Seen = None) -> Select[Any]:
    """Make the statement of the newest failure that ``failures`` does not look at."""
    newest = select(jobs.c.job_id).where(jobs.c.status == JobStatus.FAILED, *seen(counties)).order_by(*NEWEST_OF_SOME)
    return newest.offset(MOST_LOOKED_AT).limit(1)


_STUCK: Final = select(*LISTED).where(runs, jobs.c.lease_until < _ago(LEASE_GRACE)).order_by(jobs.c.lease_until)
_URGENT: Final = select(*LISTED).where(waits, jobs.c.deadline < _ago(-DEADLINE_NEAR)).order_by(jobs.c.deadline)
_OLD: Final = (
    select(*LISTED)
    .where(jobs.c.status == JobStatus.PENDING, jobs.c.created_at < _ago(WAITS_LONG))
    .order_by(jobs.c.created_at, jobs.c.job_id)
)


async def attention(connection: AsyncConnection, limit: int, counties: Seen = None) -> Attention:
    """Return up to ``limit`` jobs of each kind."""
    failed, stuck, urgent, old = [
        [job_of(row) for row in await connection.execute(statement)]
        for statement in (
            failures(limit, counties),
            *(late.where(*seen(counties)).limit(limit) for late in (_STUCK, _URGENT, _OLD)),
        )
    ]
    late: dict[Any, Job] = {job.job_id: job for job in (*urgent, *old)}
    unseen = len(failed) < limit and (await connection.execute(behind(counties))).first() is not None
    return Attention(failed=failed, unseen=unseen, stuck=stuck, late=list(late.values())[:limit])


async def changed(
    connection: AsyncConnection, since: datetime, limit: int, counties: Seen = None
) -> Sequence[JobStatusChanged]:
    """Return the state of jobs that moved at ``since`` or later, those that moved first before others."""
    rows = await connection.execute(moved_since(since, limit, counties))
    return [JobStatusChanged(**row._asdict()) for row in rows]


def moved_since(since: datetime, limit: int, counties: Seen = None) -> Select[Any]:
    """Make that statement: of the live the newest are looked at, of the ended those that ended since."""
    moment = literal(since, Timestamp)
    ended = (
        select(*TOLD).where(jobs.c.completed_at >= moment, *seen(counties)).order_by(jobs.c.completed_at).limit(limit)
    )
    alive = [
        select(*TOLD).where(jobs.c.status == status, *seen(counties)).order_by(*NEWEST_OF_SOME).limit(MOST_LOOKED_AT)
        for status in JobStatus
        if status not in TERMINAL
    ]
    rows = union_all(*(select(one.subquery()) for one in (ended, *alive))).subquery("moved")
    return select(rows).where(rows.c.updated_at >= moment).order_by(rows.c.updated_at, rows.c.job_id).limit(limit)
