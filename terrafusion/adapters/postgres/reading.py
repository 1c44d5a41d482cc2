"""Jobs read back by what names them, and how many run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access import Counties as Seen
from models.jobs import FailureReason, Job, JobStatus, Origin
from models.tables import jobs, runs
from terrafusion.adapters.postgres.moves import NAMED, stands
from terrafusion.adapters.postgres.telling import TOLD, AnyRow

LISTED: Final = (
    *TOLD,
    jobs.c.requested_by,
    jobs.c.retry_of,
    jobs.c.run_after,
    jobs.c.deadline,
    jobs.c.claimed_at,
    jobs.c.worker,
    jobs.c.digest,
    jobs.c.result_data_location,
    jobs.c.result_sha256,
    jobs.c.origin_topic,
    jobs.c.origin_partition,
    jobs.c.origin_offset,
    jobs.c.parameters_json.label("parameters"),
    jobs.c.result_summary_json.label("result_summary"),
)

_CANCELLED: Final = select(jobs.c.job_id).where(NAMED, stands(JobStatus.CANCELLED))
RUNNING: Final = select(jobs.c.county_id, func.count().label("running")).where(runs).group_by(jobs.c.county_id)


async def get(connection: AsyncConnection, job_id: UUID, counties: Seen = None) -> Job | None:
    """Return one job."""
    query = select(*LISTED).where(jobs.c.job_id == job_id, *seen(counties))
    row = (await connection.execute(query)).one_or_none()
    return row and job_of(row)


def seen(counties: Seen) -> Sequence[ColumnElement[bool]]:
    """Return the condition that a job is of these counties; none where it may be of any."""
    return [] if counties is None else [jobs.c.county_id.in_(sorted(counties))]


async def running(connection: AsyncConnection) -> Mapping[str, int]:
    """Return how many jobs run, by county."""
    rows = await connection.execute(RUNNING)
    return {row.county_id: row.running for row in rows}


async def cancelled(connection: AsyncConnection, ids: Collection[UUID]) -> frozenset[UUID]:
    """Say which of these jobs were cancelled."""
    found = await connection.execute(_CANCELLED, {"ids": list(ids)})
    return frozenset(found.scalars())


def job_of(row: AnyRow) -> Job:
    """Make the job of a row of `LISTED`."""
    values = row._asdict()
    topic, partition, offset = (values.pop(f"origin_{part}") for part in ("topic", "partition", "offset"))
    reason = values.pop("failure_reason")
    return Job(
        **values | {"status": JobStatus(row.status)},
        failure_reason=reason and FailureReason(reason),
        origin=topic and Origin(topic, partition, offset),
    )
