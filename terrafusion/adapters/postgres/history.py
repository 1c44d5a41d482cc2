"""What is kept of attempts: those before the last one, what was logged for each, and who asks a job again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, CTE, Integer, Text, Uuid, any_, bindparam, cast, column, delete, func, select, table
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.attempts import Attempt, AttemptLog, History, LogLine
from models.tables import Timestamp, job_attempts, job_logs, jobs
from terrafusion.adapters.postgres.batches import arrays, as_json, batch
from terrafusion.adapters.postgres.telling import AnyRow
from terrafusion.ports.history import MOST_ATTEMPTS

RAN: Final = (jobs.c.worker, jobs.c.claimed_at)
"""What a statement has to return beside what it tells, so that `attempts_ended` can keep its attempts."""

_moved: Final = table(
    "moved",
    column("job_id", Uuid),
    column("attempt", Integer),
    column("worker", Text),
    column("claimed_at", Timestamp),
    column("updated_at", Timestamp),
    column("message", Text),
)
_KEPT: Final = ("job_id", "attempt", "worker", "claimed_at", "ended_at", "message")
_LOGS: Final = batch(job_id=Uuid(), attempt=Integer(), lines=Text(), left_out=Integer())
_logged = insert(job_logs).from_select(
    ["job_id", "attempt", "lines", "left_out"],
    select(_LOGS.c.job_id, _LOGS.c.attempt, cast(_LOGS.c.lines, JSONB), _LOGS.c.left_out),
)
_KEEP_LOGS: Final = _logged.on_conflict_do_update(
    index_elements=["job_id", "attempt"], set_={"lines": _logged.excluded.lines, "left_out": _logged.excluded.left_out}
).add_cte(
    delete(job_logs)
    .where(job_logs.c.job_id == _LOGS.c.job_id, job_logs.c.attempt <= _LOGS.c.attempt - MOST_ATTEMPTS)
    .cte("outgrown")
)
_ids: Final = bindparam("ids", type_=ARRAY(Uuid))
_ATTEMPTS: Final = (
    select(*(job_attempts.c[name] for name in _KEPT[1:]))
    .where(job_attempts.c.job_id == any_(_ids))
    .order_by(job_attempts.c.attempt)
)
_FIRST_ENDED: Final = (
    select(job_attempts.c.job_id, func.min(job_attempts.c.ended_at).label("ended_at"))
    .where(job_attempts.c.job_id == any_(_ids))
    .group_by(job_attempts.c.job_id)
)
_READ_LOGS: Final = select(job_logs).where(job_logs.c.job_id == any_(_ids)).order_by(job_logs.c.attempt)
_RETRIED: Final = (
    select(jobs.c.retry_of, jobs.c.job_id)
    .where(jobs.c.retry_of == any_(_ids))
    .order_by(jobs.c.created_at, jobs.c.job_id)
)


def attempts_ended() -> Sequence[CTE]:
    """Keep the attempts of the rows that a statement moved back to the queue, as many of each job as are kept."""
    values = select(
        *(_moved.c[name] for name in ("job_id", "attempt", "worker", "claimed_at", "updated_at", "message"))
    )
    keep = insert(job_attempts).from_select(list(_KEPT), values).on_conflict_do_nothing()
    outgrown = delete(job_attempts).where(
        job_attempts.c.job_id == _moved.c.job_id, job_attempts.c.attempt <= _moved.c.attempt - MOST_ATTEMPTS
    )
    return keep.cte("attempts"), outgrown.cte("outgrown")


async def first_ended(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
    """Return when the first attempt that is kept of each of these jobs ended without an answer."""
    if not ids:
        return {}
    rows = await connection.execute(_FIRST_ENDED, {"ids": ids})
    return {row.job_id: row.ended_at for row in rows}


def forgotten(gone: CTE) -> Sequence[CTE]:
    """Forget with jobs what is kept of their attempts."""
    return [
        delete(kept).where(kept.c.job_id == gone.c.job_id).cte(f"gone_{kept.name}") for kept in (job_attempts, job_logs)
    ]


async def history(connection: AsyncConnection, job_id: UUID) -> History:
    """Return what is kept of a job's attempts, and which jobs ask it again."""
    asked = {"ids": [job_id]}
    attempts = [Attempt(**row._asdict()) for row in await connection.execute(_ATTEMPTS, asked)]
    logs = [_log(row) for row in await connection.execute(_READ_LOGS, asked)]
    retries = await connection.execute(_RETRIED.limit(MOST_ATTEMPTS), asked)
    return History(attempts=attempts, logs=logs, retried_as=[row.job_id for row in retries])


async def retried(connection: AsyncConnection, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    """Return the last retry of each of these jobs that has one."""
    rows = await connection.execute(_RETRIED, {"ids": list(ids)})
    return {row.retry_of: row.job_id for row in rows}


async def keep_logs(connection: AsyncConnection, logs: Sequence[AttemptLog]) -> None:
    """Keep what was logged for attempts, in place of what was kept of each before."""
    if logs:
        await connection.execute(_KEEP_LOGS, arrays(_LOGS, map(_log_row, sorted(logs, key=_place))))


def _place(log: AttemptLog) -> tuple[UUID, int]:
    return log.job_id, log.attempt


def _log_row(log: AttemptLog) -> dict[str, Any]:
    lines = [[line.at, line.level, line.text.replace("\0", "\\0")] for line in log.lines]
    return {"job_id": log.job_id, "attempt": log.attempt, "lines": as_json(lines), "left_out": log.left_out}


def _log(row: AnyRow) -> AttemptLog:
    lines = [LogLine(datetime.fromisoformat(at), level, text) for at, level, text in row.lines]
    return AttemptLog(job_id=row.job_id, attempt=row.attempt, lines=lines, left_out=row.left_out)
