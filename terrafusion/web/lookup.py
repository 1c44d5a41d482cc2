"""One job as it stands: the row, and the live entry where that has come further."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final
from uuid import UUID

from models.jobs import Job
from models.messages import JobStatusChanged
from terrafusion.errors import NotFound, Unavailable
from terrafusion.web.bodies import job_of
from terrafusion.web.deps import WebDeps

PATIENCE_S: Final = 10.0
SHORT_PATIENCE_S: Final = 1.0
"""Where there is another answer than the store's."""


async def find_job(deps: WebDeps, job_id: UUID) -> Job:
    """Return a job; from the live entry alone while the store is away.

    Raises NotFound, and Unavailable where neither can answer.
    """
    live = deps.live.get(job_id)
    try:
        row = await read_row(deps, job_id, patience_s=PATIENCE_S if live is None else SHORT_PATIENCE_S)
    except Unavailable:
        if live is None:
            raise
        return job_of(live)
    if row is None:
        raise NotFound(f"no job has the id {job_id}", field="job_id", value=str(job_id))
    return overlaid(row, live)


async def read_row(deps: WebDeps, job_id: UUID, *, patience_s: float) -> Job | None:
    """Return a job's row; raises Unavailable also for a store that is silent for so long."""
    try:
        async with asyncio.timeout(patience_s):
            return await deps.store.get(job_id)
    except TimeoutError as error:
        raise Unavailable(f"the store has not answered within {patience_s:g} s") from error


def overlaid(row: Job, live: JobStatusChanged | None) -> Job:
    """Put the live state over the row where its sequence is higher."""
    if live is None or live.sequence <= row.sequence:
        return row
    return replace(
        row,
        status=live.status,
        message=live.message,
        sequence=live.sequence,
        attempt=live.attempt,
        progress=live.progress,
        updated_at=live.updated_at,
        started_at=live.started_at,
        completed_at=live.completed_at,
        failure_reason=live.failure_reason,
    )
