"""Signs of life: leases renewed and progress told; jobs whose worker or child died counted and moved on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Double, Integer, Text, Uuid, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from models.jobs import FAIL, TAKE_OVER, FailureReason, Heartbeat, JobStatus
from models.tables import jobs, runs
from terrafusion.adapters.postgres.acceptance import keep
from terrafusion.adapters.postgres.batches import arrays, batch
from terrafusion.adapters.postgres.claiming import HELD, held
from terrafusion.adapters.postgres.history import RAN, attempts_ended, first_ended
from terrafusion.adapters.postgres.moves import MOVED, NAMED, NOW, move, seconds, stands
from terrafusion.adapters.postgres.reading import LISTED, job_of
from terrafusion.adapters.postgres.telling import TOLD_AT_THE_END, telling
from terrafusion.boundaries import Boundary, cross
from terrafusion.ports.jobs import TakenOver
from terrafusion.usecases.dead_lettering import letter_of_exhausted

MOST_AT_ONCE: Final = 500

BEATS: Final = batch(job_id=Uuid(), attempt=Integer(), progress=Double(), message=Text())

_mine = (
    (jobs.c.job_id == BEATS.c.job_id)
    & (jobs.c.attempt == BEATS.c.attempt)
    & (jobs.c.owner == bindparam("holder", type_=Text))
    & stands(JobStatus.RUNNING)
)
_STILL_MINE: Final = select(jobs.c.job_id).where(_mine)
_UNLOCKED: Final = (
    select(jobs.c.job_id, BEATS.c.progress, BEATS.c.message)
    .where(_mine)
    .with_for_update(of=jobs, skip_locked=True)
    .cte("unlocked")
    .prefix_with("MATERIALIZED")
)
"""A row that a finish holds is left alone: waiting for it while holding others is how deadlocks are made."""
_rose = _UNLOCKED.c.progress > jobs.c.progress
_renewal = NOW + seconds("lease")
_TELL_PROGRESS: Final = telling(
    update(jobs)
    .where(jobs.c.job_id == _UNLOCKED.c.job_id, _rose)
    .values(
        lease_until=_renewal,
        progress=_UNLOCKED.c.progress,
        message=_UNLOCKED.c.message,
        sequence=jobs.c.sequence + 1,
        updated_at=MOVED,
    ),
    jobs.c.job_id,
)
_RENEW: Final = update(jobs).where(jobs.c.job_id == _UNLOCKED.c.job_id, ~_rose).values(lease_until=_renewal)

_ran_out = select(jobs.c.job_id).where(runs, jobs.c.lease_until < func.now())
_ANY_RAN_OUT: Final = select(_ran_out.exists())
_expired = _ran_out.order_by(jobs.c.lease_until).limit(MOST_AT_ONCE).with_for_update(skip_locked=True)
_named = (
    select(jobs.c.job_id)
    .where(jobs.c.job_id == HELD.c.job_id, jobs.c.attempt == HELD.c.attempt, stands(JobStatus.RUNNING))
    .order_by(jobs.c.job_id)
    .with_for_update(of=jobs)
)
_bearable = jobs.c.crashes < bindparam("max_crashes", type_=Integer)


async def heartbeat(
    connection: AsyncConnection, owner: str, beats: Sequence[Heartbeat], *, lease: timedelta, sender: str
) -> frozenset[UUID]:
    """Renew the leases of ``beats``, tell progress where it rose, and answer the ids that are not the owner's."""
    asked: dict[str, Any] = {**arrays(BEATS, map(_beat_row, beats)), "holder": owner}
    still_mine = (await connection.execute(_STILL_MINE, asked)).scalars().all()
    asked |= {"lease": lease.total_seconds(), "sender": sender}
    await connection.execute(_RENEW, asked)
    cross(Boundary.RENEWED)
    await connection.execute(_TELL_PROGRESS, asked)
    return frozenset(beat.job_id for beat in beats) - frozenset(still_mine)


def _beat_row(beat: Heartbeat) -> dict[str, Any]:
    return {"job_id": beat.job_id, "attempt": beat.attempt, "progress": beat.progress, "message": beat.message}


async def crashed(
    connection: AsyncConnection, attempts: Mapping[UUID, int], *, message: str, max_crashes: int, sender: str
) -> TakenOver:
    """Count a child's death against the jobs it had."""
    ids = (await connection.execute(_named, held(attempts))).scalars().all()
    return await _count_crash(connection, ids, message=message, max_crashes=max_crashes, sender=sender)


async def any_expired(connection: AsyncConnection) -> bool:
    """Say whether a lease has run out."""
    return bool((await connection.execute(_ANY_RAN_OUT)).scalar_one())


async def take_over(connection: AsyncConnection, *, max_crashes: int, sender: str) -> TakenOver:
    """Count a worker's death against the jobs whose lease it let run out."""
    ids = (await connection.execute(_expired)).scalars().all()
    return await _count_crash(connection, ids, message="Its worker fell silent", max_crashes=max_crashes, sender=sender)


async def _count_crash(
    connection: AsyncConnection, ids: Sequence[UUID], *, message: str, max_crashes: int, sender: str
) -> TakenOver:
    if not ids:
        return TakenOver(0, 0)
    asked = {"ids": ids, "max_crashes": max_crashes, "reason": message, "sender": sender}
    returned = (await connection.execute(_AFTER_CRASH, asked)).all()
    given_up = (await connection.execute(_GIVE_UP, asked)).all()
    began = await first_ended(connection, [row.job_id for row in given_up])
    letters = [letter_of_exhausted(job_of(row), began.get(row.job_id)) for row in given_up]
    await keep(connection, letters, sender)
    cross(Boundary.COUNTING_CRASH)
    return TakenOver(len(returned), len(given_up), [(row.county_id, row.analysis_type) for row in given_up])


def _after_crash() -> Any:
    reason: ColumnElement[str] = bindparam("reason", type_=Text) + "; waits for another"
    back = move(TAKE_OVER, crashes=jobs.c.crashes + 1, message=reason)
    moved = telling(back.where(NAMED, _bearable), jobs.c.job_id, *RAN, wakes=True)
    return moved.add_cte(*attempts_ended())


def _give_up() -> Any:
    reason: ColumnElement[str] = bindparam("reason", type_=Text) + "; given up after too many of these"
    end = move(FAIL, crashes=jobs.c.crashes + 1, message=reason, failure_reason=FailureReason.ATTEMPTS_EXHAUSTED)
    ended = end.where(NAMED, ~_bearable, stands(JobStatus.RUNNING))
    return telling(ended, *LISTED, told=TOLD_AT_THE_END)


_AFTER_CRASH: Final = _after_crash()
_GIVE_UP: Final = _give_up()
