"""From waiting to running and back: jobs given out under a lease, renewed, handed back, taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Double, Integer, Select, Text, Update, Uuid, any_, bindparam, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from models.jobs import CLAIM, RELEASE, Claim, JobStatus
from models.tables import jobs
from terrafusion.adapters.postgres.batches import arrays, batch
from terrafusion.adapters.postgres.moves import move, seconds
from terrafusion.adapters.postgres.telling import AnyRow, telling

MOST_AT_ONCE: Final = 512
"""Jobs in one claim, however little of a slot each takes."""

CLAIM_LOCK: Final = 7_251_002
_TURN: Final = select(true()).select_from(func.pg_advisory_xact_lock(CLAIM_LOCK)).scalar_subquery()
"""Claimers take turns: each locks more rows than it takes, and would hide them from the others.

Evaluated before the first row is looked at; rows that changed while it waited are seen as they are by then.
"""

WEIGHTS: Final = batch(analysis_type=Text(), weight=Double())
HELD: Final = batch(job_id=Uuid(), attempt=Integer())

_ORDER: Final = (jobs.c.priority.desc(), jobs.c.created_at, jobs.c.job_id)


def _waiting() -> Select[Any]:
    weight = func.coalesce(WEIGHTS.c.weight, 1.0).label("weight")
    return (
        select(jobs.c.job_id, jobs.c.priority, jobs.c.created_at, weight)
        .select_from(jobs.outerjoin(WEIGHTS, WEIGHTS.c.analysis_type == jobs.c.analysis_type))
        .where(jobs.c.status == text(f"'{JobStatus.PENDING}'"))  # a literal, for the partial index
        .where(_TURN)
        .where(jobs.c.run_after.is_(None) | (jobs.c.run_after <= func.now()))
        .order_by(*_ORDER)
        .limit(MOST_AT_ONCE)
        .with_for_update(of=jobs, skip_locked=True)
    )


def _claim() -> Update:
    waiting = _waiting().cte("waiting").prefix_with("MATERIALIZED")
    order = (waiting.c.priority.desc(), waiting.c.created_at, waiting.c.job_id)
    taken = func.sum(waiting.c.weight).over(order_by=order).label("taken")
    taking = select(waiting.c.job_id, taken).subquery("taking")
    fitting = select(taking.c.job_id).where(taking.c.taken <= bindparam("slots", type_=Double))
    return move(
        CLAIM,
        attempt=jobs.c.attempt + 1,
        owner=bindparam("claimer", type_=Text),
        started_at=func.coalesce(jobs.c.started_at, func.now()),
        message="Running",
    ).where(jobs.c.job_id == any_(func.array(fitting.scalar_subquery())))


_CLAIM: Final = telling(
    _claim(),
    *(jobs.c[name] for name in ("job_id", "attempt", "analysis_type", "county_id", "data_version", "correlation_id")),
    *(jobs.c[name] for name in ("traceparent", "priority", "created_at", "parameters_json")),
    func.extract("epoch", jobs.c.deadline - func.now()).label("seconds_left"),
    func.extract("epoch", func.now() - jobs.c.created_at).label("seconds_waited"),
)
_RELEASE: Final = telling(
    move(RELEASE, message=bindparam("reason", type_=Text), run_after=func.now() + seconds("delay")).where(
        jobs.c.job_id == HELD.c.job_id, jobs.c.attempt == HELD.c.attempt
    ),
    jobs.c.job_id,
    wakes=True,
)


async def claim(
    connection: AsyncConnection,
    owner: str,
    *,
    slots: float,
    weights: Mapping[str, float],
    lease: timedelta,
    sender: str,
) -> Sequence[Claim]:
    """Give waiting jobs to ``owner`` until their weights fill ``slots``."""
    known = arrays(WEIGHTS, ({"analysis_type": name, "weight": weight} for name, weight in weights.items()))
    asked = {"claimer": owner, "slots": slots + 1e-9, "lease": lease.total_seconds(), "sender": sender}
    moved = (await connection.execute(_CLAIM, known | asked)).all()
    first = sorted(moved, key=lambda row: (-row.priority, row.created_at, row.job_id))
    return [_as_claim(row) for row in first]


def _as_claim(row: AnyRow) -> Claim:
    return Claim(
        job_id=row.job_id,
        attempt=row.attempt,
        analysis_type=row.analysis_type,
        county_id=row.county_id,
        parameters=row.parameters_json,
        data_version=row.data_version,
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
        seconds_waited=float(row.seconds_waited),
        seconds_left=None if row.seconds_left is None else float(row.seconds_left),
    )


async def release(
    connection: AsyncConnection, attempts: Mapping[UUID, int], *, message: str, delay: timedelta, sender: str
) -> frozenset[UUID]:
    """Hand jobs back to the queue, without counting it against them."""
    asked = {"reason": message, "delay": delay.total_seconds(), "sender": sender}
    return frozenset((await connection.execute(_RELEASE, held(attempts) | asked)).scalars())


def held(attempts: Mapping[UUID, int]) -> dict[str, Sequence[Any]]:
    """Make the parameters of ``HELD``."""
    return arrays(HELD, ({"job_id": job_id, "attempt": attempt} for job_id, attempt in sorted(attempts.items())))
