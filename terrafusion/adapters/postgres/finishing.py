"""From running to the end: many attempts finished in one statement, each guarded by its fencing token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Double, Integer, Select, Text, Uuid, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from models.jobs import COMPLETE, FAIL, Finish, JobStatus, Transition
from models.tables import jobs
from terrafusion.adapters.postgres.batches import arrays, as_json, batch
from terrafusion.adapters.postgres.moves import move, stands
from terrafusion.adapters.postgres.telling import TOLD_AT_THE_END, telling

ENDED: Final = batch(
    job_id=Uuid(),
    attempt=Integer(),
    message=Text(),
    progress=Double(),
    failure_reason=Text(),
    result_summary_json=Text(),
    result_data_location=Text(),
    result_sha256=Text(),
)


def _end(transition: Transition) -> Select[Any]:
    told: dict[str, ColumnElement[Any]] = {
        column.name: column for column in ENDED.c if column.name not in {"job_id", "attempt", "result_summary_json"}
    }
    told["progress"] = func.coalesce(ENDED.c.progress, jobs.c.progress)
    ended = (
        move(transition, result_summary_json=cast(ENDED.c.result_summary_json, JSONB), **told)
        .where(jobs.c.job_id == ENDED.c.job_id, jobs.c.attempt == ENDED.c.attempt)
        .where(stands(JobStatus.RUNNING))
    )
    return telling(ended, jobs.c.job_id, told=TOLD_AT_THE_END)


_END: Final = {transition: _end(transition) for transition in (COMPLETE, FAIL)}
_ENDED_SO: Final = select(jobs.c.job_id).where(
    jobs.c.job_id == ENDED.c.job_id,
    jobs.c.attempt == ENDED.c.attempt,
    jobs.c.message == ENDED.c.message,
    jobs.c.failure_reason.is_not_distinct_from(ENDED.c.failure_reason),
    stands(JobStatus.COMPLETED, JobStatus.FAILED),
)


async def finish(connection: AsyncConnection, finishes: Sequence[Finish], sender: str) -> frozenset[UUID]:
    """End attempts; who is missing from the answer was fenced off."""
    ended: set[UUID] = set()
    for transition, statement in _END.items():
        ending = sorted((f for f in finishes if f.transition is transition), key=lambda f: f.job_id)
        if ending:
            asked = arrays(ENDED, map(_row, ending)) | {"sender": sender}
            ended.update((await connection.execute(statement, asked)).scalars())
    missing = [finish for finish in finishes if finish.job_id not in ended]
    return frozenset(ended | await _ended_before(connection, missing))


async def _ended_before(connection: AsyncConnection, finishes: Sequence[Finish]) -> frozenset[UUID]:
    """Say which of these were committed already, by a statement whose answer was lost."""
    if not finishes:
        return frozenset()
    return frozenset((await connection.execute(_ENDED_SO, arrays(ENDED, map(_row, finishes)))).scalars())


def _row(finish: Finish) -> dict[str, Any]:
    return {
        "job_id": finish.job_id,
        "attempt": finish.attempt,
        "message": finish.message,
        "progress": None if finish.failure_reason else 1.0,
        "failure_reason": finish.failure_reason,
        "result_summary_json": None if finish.result_summary is None else as_json(finish.result_summary),
        "result_data_location": finish.result_data_location,
        "result_sha256": finish.result_sha256,
    }
