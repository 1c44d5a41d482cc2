"""Jobs read back: one, a page of a list, counts, and what is live."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access import Counties as Seen
from models.jobs import TERMINAL, FailureReason, Job, JobStatus, Origin
from models.messages import JobStatusChanged
from models.tables import Timestamp, jobs, runs
from terrafusion.adapters.postgres.moves import stands
from terrafusion.adapters.postgres.telling import TOLD, AnyRow
from terrafusion.ports import JobFilter, Page

_LISTED: Final = (
    *TOLD,
    jobs.c.requested_by,
    jobs.c.retry_of,
    jobs.c.run_after,
    jobs.c.digest,
    jobs.c.result_data_location,
    jobs.c.result_sha256,
    jobs.c.origin_topic,
    jobs.c.origin_partition,
    jobs.c.origin_offset,
    jobs.c.parameters_json.label("parameters"),
    jobs.c.result_summary_json.label("result_summary"),
)

RUNNING: Final = select(jobs.c.county_id, func.count().label("running")).where(runs).group_by(jobs.c.county_id)


async def get(connection: AsyncConnection, job_id: UUID, counties: Seen = None) -> Job | None:
    """Return one job."""
    query = select(*_LISTED).where(jobs.c.job_id == job_id, *seen(counties))
    row = (await connection.execute(query)).one_or_none()
    return row and _job(row)


def seen(counties: Seen) -> Sequence[ColumnElement[bool]]:
    """Return the condition that a job is of these counties; none where it may be of any."""
    return [] if counties is None else [jobs.c.county_id.in_(sorted(counties))]


async def page(
    connection: AsyncConnection, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int
) -> Page:
    """Return jobs newest first, from the one behind ``after``."""
    found = (await connection.execute(_filtered(wanted, after).limit(limit + 1))).all()
    shown = [_job(row) for row in found[:limit]]
    more = len(found) > limit
    return Page(shown, (shown[-1].created_at, shown[-1].job_id) if more else None)


def _filtered(wanted: JobFilter, after: tuple[datetime, UUID] | None) -> Select[Any]:
    query = select(*_LISTED).where(*seen(wanted.counties)).order_by(jobs.c.created_at.desc(), jobs.c.job_id.desc())
    for name in ("status", "county_id", "analysis_type", "correlation_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(jobs.c[name] == value)
    if after is not None:
        at, job_id = after
        query = query.where(
            tuple_(jobs.c.created_at, jobs.c.job_id) < tuple_(literal(at, Timestamp), literal(job_id, Uuid))
        )
    return query


async def live(connection: AsyncConnection, limit: int) -> Sequence[JobStatusChanged]:
    """Return the state of jobs that are not at their end, newest first, as their last event told it."""
    query = select(*TOLD).where(jobs.c.status.not_in(sorted(TERMINAL)))
    rows = await connection.execute(query.order_by(jobs.c.created_at.desc()).limit(limit))
    return [JobStatusChanged(**row._asdict()) for row in rows]


async def counts(connection: AsyncConnection, counties: Seen = None) -> Mapping[JobStatus, int]:
    """Return how many jobs stand where."""
    query = select(jobs.c.status, func.count().label("n")).where(*seen(counties)).group_by(jobs.c.status)
    rows = await connection.execute(query)
    found = {row.status: row.n for row in rows}
    return {status: found.get(status, 0) for status in JobStatus}


async def running(connection: AsyncConnection) -> Mapping[str, int]:
    """Return how many jobs run, by county."""
    rows = await connection.execute(RUNNING)
    return {row.county_id: row.running for row in rows}


async def cancelled(connection: AsyncConnection, ids: Collection[UUID]) -> frozenset[UUID]:
    """Say which of these jobs were cancelled."""
    found = await connection.execute(select(jobs.c.job_id).where(jobs.c.job_id.in_(ids), stands(JobStatus.CANCELLED)))
    return frozenset(found.scalars())


def _job(row: AnyRow) -> Job:
    values = row._asdict()
    topic, partition, offset = (values.pop(f"origin_{part}") for part in ("topic", "partition", "offset"))
    reason = values.pop("failure_reason")
    return Job(
        **values | {"status": JobStatus(row.status)},
        failure_reason=reason and FailureReason(reason),
        origin=topic and Origin(topic, partition, offset),
    )
