"""Ends that no attempt brings about: jobs that somebody cancels, and waiting ones whose deadline passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Text, any_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access import Deed
from models.jobs import CANCEL, FAIL, FailureReason, JobStatus
from models.tables import jobs, waits
from terrafusion.adapters.postgres.auditing import told_as
from terrafusion.adapters.postgres.moves import NAMED, move, stands
from terrafusion.adapters.postgres.telling import CANCELLED_CHANNEL, TOLD_AT_THE_END, telling
from terrafusion.boundaries import Boundary, cross

MOST_AT_ONCE: Final = 500


def _cancel(*, audited: bool) -> Select[Any]:
    cancelled = move(CANCEL, message=bindparam("reason", type_=Text)).where(NAMED)
    return telling(cancelled, jobs.c.job_id, told=TOLD_AT_THE_END, audited=audited)


_CANCEL: Final = _cancel(audited=False)
_CANCEL_AUDITED: Final = _cancel(audited=True)
_NOTIFY: Final = select(func.pg_notify(CANCELLED_CHANNEL, ""))
_overdue = (
    select(jobs.c.job_id)
    .where(waits, jobs.c.deadline < func.now())
    .order_by(jobs.c.deadline)
    .limit(MOST_AT_ONCE)
    .scalar_subquery()
)
_EXPIRE: Final = telling(
    move(FAIL, message="Its deadline passed while it waited", failure_reason=FailureReason.DEADLINE_PASSED).where(
        jobs.c.job_id == any_(func.array(_overdue)), stands(JobStatus.PENDING)
    ),
    jobs.c.county_id,
    jobs.c.analysis_type,
    told=TOLD_AT_THE_END,
)


async def cancel(
    connection: AsyncConnection, ids: Sequence[UUID], *, message: str, sender: str, deed: Deed | None
) -> frozenset[UUID]:
    """End jobs that wait or run, and wake the workers that run them; answers the ids that moved."""
    asked = {"ids": sorted(ids), "reason": message, "sender": sender} | told_as(deed)
    moved = frozenset((await connection.execute(_CANCEL_AUDITED if deed else _CANCEL, asked)).scalars())
    if moved:
        cross(Boundary.CANCELLED)
        await connection.execute(_NOTIFY)
    return moved


async def expire(connection: AsyncConnection, sender: str) -> Sequence[tuple[str, str]]:
    """Fail waiting jobs whose deadline has passed; answers county and type of each."""
    rows = (await connection.execute(_EXPIRE, {"sender": sender})).all()
    if rows:
        cross(Boundary.EXPIRED)
    return [(row.county_id, row.analysis_type) for row in rows]
