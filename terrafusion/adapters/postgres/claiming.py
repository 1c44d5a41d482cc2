"""From waiting to running and back: jobs given out under a lease, renewed, handed back, taken over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import ceil
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Double,
    Integer,
    Select,
    Subquery,
    Text,
    Update,
    Uuid,
    bindparam,
    case,
    column,
    func,
    select,
    table,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.jobs import CLAIM, RELEASE, Claim
from models.pauses import Scope
from models.queue import QueueRules
from models.tables import county_turns, jobs, pauses, runs, waits
from terrafusion.adapters.postgres.batches import arrays, batch
from terrafusion.adapters.postgres.engine import IDLE_MS, TRANSACTIONS_END_SINCE
from terrafusion.adapters.postgres.history import RAN, attempts_ended
from terrafusion.adapters.postgres.moves import MOVED, NOW, move, seconds
from terrafusion.adapters.postgres.reading import RUNNING
from terrafusion.adapters.postgres.telling import AnyRow, telling
from terrafusion.boundaries import Boundary, cross

UNLIMITED: Final = 1_000_000
PER_COUNTY: Final = bindparam("per_county", type_=Integer)
OFF: Final = ("sort", "bitmapscan", "hashjoin", "mergejoin", "seqscan")
"""Ways that the planner must not go for a claim. Its statistics of what waits are always out of date, and each of these
would read all that waits, where the index has it in order."""

MOST_AT_ONCE: Final = 512
"""Jobs in one claim, however little of a slot each takes."""

CLAIM_LOCK: Final = 7_251_002
_TRANSACTIONS_END: Final = func.current_setting("server_version_num").cast(Integer) >= TRANSACTIONS_END_SINCE * 10_000
_TURN: Final = select(
    func.pg_advisory_xact_lock(CLAIM_LOCK),
    *(case((_TRANSACTIONS_END, func.set_config("transaction_timeout", ms, true()))) for ms in ("0", str(IDLE_MS))),
    func.set_config("tcp_user_timeout", str(IDLE_MS), true()),
    *(func.set_config(f"enable_{way}", "off", true()) for way in OFF),
)
"""Claimers take turns, each seeing what the one before it has committed: so a county's limit is exact. A turn ends
by its age: the clock that runs for every transaction is stopped and set anew, once the turn has come. So does one whose
answer nobody reads."""

WEIGHTS: Final = batch(analysis_type=Text(), weight=Double())
HELD: Final = batch(job_id=Uuid(), attempt=Integer())


def queues() -> CTE:
    """Walk the index from queue to queue, a county's of one type each: however many jobs wait in one, it is one step."""
    names = (jobs.c.county_id, jobs.c.analysis_type)
    walk = select(*names).where(waits).order_by(*names).limit(1).cte("queues", recursive=True)
    behind = tuple_(*names) > tuple_(walk.c.county_id, walk.c.analysis_type)
    following = select(*names).where(waits, behind).order_by(*names).limit(1).lateral("following")
    return walk.union_all(select(following).select_from(walk.join(following, true())))


def _paused(scope: Scope) -> Select[Any]:
    return select(pauses.c.name).where(pauses.c.scope == scope.value)


def not_paused(queue: CTE) -> ColumnElement[bool]:
    """Ask that neither the county nor the type of a queue stands still."""
    return queue.c.county_id.not_in(_paused(Scope.COUNTY)) & queue.c.analysis_type.not_in(_paused(Scope.TYPE))


def could_run() -> ColumnElement[bool]:
    """Ask that the time of a waiting job has come."""
    return jobs.c.run_after.is_(None) | (jobs.c.run_after <= NOW)


def _waiting() -> Select[Any]:
    """Take the first of each queue that is not paused, with how many jobs of its county would run beside each."""
    walk, running = queues(), RUNNING.cte("running")
    beside = func.coalesce(running.c.running, 0)
    room = func.greatest(0, func.least(bindparam("most", type_=Integer), PER_COUNTY - beside))
    first = (
        select(jobs.c.job_id, jobs.c.queue_at)
        .where(waits, jobs.c.county_id == walk.c.county_id, jobs.c.analysis_type == walk.c.analysis_type)
        .where(could_run())
        .order_by(jobs.c.queue_at, jobs.c.job_id)
        .limit(room)
        .with_for_update(of=jobs, skip_locked=True)
        .lateral("first")
    )
    nth = func.row_number().over(partition_by=walk.c.county_id, order_by=(first.c.queue_at, first.c.job_id))
    return (
        select(
            first.c.job_id,
            first.c.queue_at,
            county_turns.c.served_at,
            (beside + nth).label("place"),
            func.coalesce(WEIGHTS.c.weight, 1.0).label("weight"),
        )
        .select_from(walk)
        .outerjoin(running, running.c.county_id == walk.c.county_id)
        .outerjoin(county_turns, county_turns.c.county_id == walk.c.county_id)
        .join(first, true())
        .outerjoin(WEIGHTS, WEIGHTS.c.analysis_type == walk.c.analysis_type)
        .where(not_paused(walk))
    )


def _fitting() -> Subquery:
    """Give slots to counties in turn: the next is the one with the fewest running, then the one served longest ago."""
    waiting = _waiting().subquery("waiting")
    order = (waiting.c.place, waiting.c.served_at.asc().nulls_first(), waiting.c.queue_at, waiting.c.job_id)
    taken = func.sum(waiting.c.weight).over(order_by=order).label("taken")
    turn = func.row_number().over(order_by=order).label("turn")
    allowed = select(waiting.c.job_id, taken, turn).where(waiting.c.place <= PER_COUNTY)
    taking = allowed.order_by(turn).limit(MOST_AT_ONCE).subquery("taking")
    fits = taking.c.taken <= bindparam("slots", type_=Double)
    return select(taking.c.job_id, taking.c.turn).where(fits).subquery("fitting")


FITTING: Final = _fitting()


def _claim() -> Update:
    return move(
        CLAIM,
        attempt=jobs.c.attempt + 1,
        owner=bindparam("claimer", type_=Text),
        worker=bindparam("claimer", type_=Text),
        started_at=func.coalesce(jobs.c.started_at, MOVED),
        claimed_at=MOVED,
        message="Running",
    ).where(jobs.c.job_id == FITTING.c.job_id)


def _served() -> CTE:
    """Put down which counties had their turn."""
    moved = table("moved", column("county_id", Text))
    turns = select(moved.c.county_id, NOW).distinct().order_by(moved.c.county_id)
    write = insert(county_turns).from_select(["county_id", "served_at"], turns)
    return write.on_conflict_do_update(index_elements=["county_id"], set_={"served_at": write.excluded.served_at}).cte(
        "served"
    )


_CLAIM: Final = telling(
    _claim(),
    *(jobs.c[name] for name in ("job_id", "attempt", "analysis_type", "county_id", "data_version", "correlation_id")),
    jobs.c.traceparent,
    jobs.c.parameters_json,
    FITTING.c.turn,
    func.extract("epoch", jobs.c.deadline - NOW).label("seconds_left"),
    func.extract("epoch", NOW - jobs.c.created_at).label("seconds_waited"),
    func.extract("epoch", NOW - func.now()).label("seconds_for_turn"),
).add_cte(_served())
_RELEASE: Final = telling(
    move(RELEASE, message=bindparam("reason", type_=Text), run_after=NOW + seconds("delay")).where(
        jobs.c.job_id == HELD.c.job_id, jobs.c.attempt == HELD.c.attempt
    ),
    jobs.c.job_id,
    *RAN,
    wakes=True,
).add_cte(*attempts_ended())

_GIVEN_TO: Final = select(jobs.c.job_id, jobs.c.attempt).where(runs, jobs.c.owner == bindparam("claimer", type_=Text))


async def claim(
    connection: AsyncConnection,
    owner: str,
    *,
    slots: float,
    weights: Mapping[str, float],
    lease: timedelta,
    rules: QueueRules,
    sender: str,
) -> Sequence[Claim]:
    """Give waiting jobs to ``owner`` until their weights fill ``slots``; the transaction is the caller's."""
    asked = arrays(WEIGHTS, ({"analysis_type": name, "weight": weight} for name, weight in weights.items())) | {
        "claimer": owner,
        "slots": slots + 1e-9,
        "most": ceil(min(MOST_AT_ONCE, slots / min(weights.values(), default=1.0))),
        "per_county": rules.max_running_per_county or UNLIMITED,
        "lease": lease.total_seconds(),
        "sender": sender,
    }
    await connection.execute(_TURN)
    moved = (await connection.execute(_CLAIM, asked)).all()
    if moved:
        cross(Boundary.CLAIMING)
    return [_as_claim(row) for row in sorted(moved, key=lambda row: row.turn)]


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
        seconds_for_turn=float(row.seconds_for_turn),
        seconds_left=None if row.seconds_left is None else float(row.seconds_left),
    )


async def release(
    connection: AsyncConnection, attempts: Mapping[UUID, int], *, message: str, delay: timedelta, sender: str
) -> frozenset[UUID]:
    """Hand jobs back to the queue, without counting it against them."""
    asked = {"reason": message, "delay": delay.total_seconds(), "sender": sender}
    released = frozenset((await connection.execute(_RELEASE, held(attempts) | asked)).scalars())
    cross(Boundary.RELEASED)
    return released


async def release_lost(
    connection: AsyncConnection, owner: str, *, known: Mapping[UUID, int], message: str, sender: str
) -> frozenset[UUID]:
    """Hand back what was given to ``owner`` and is not ``known`` to it.

    Takes its turn as claimers do: a claim whose commit is under way still has the lock, and is seen behind it.
    """
    await connection.execute(_TURN)
    given = await connection.execute(_GIVEN_TO, {"claimer": owner})
    lost = {row.job_id: row.attempt for row in given if known.get(row.job_id) != row.attempt}
    if not lost:
        return frozenset()
    return await release(connection, lost, message=message, delay=timedelta(0), sender=sender)


def held(attempts: Mapping[UUID, int]) -> dict[str, Sequence[Any]]:
    """Make the parameters of ``HELD``."""
    return arrays(HELD, ({"job_id": job_id, "attempt": attempt} for job_id, attempt in sorted(attempts.items())))
