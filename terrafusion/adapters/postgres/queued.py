"""What waits and could run now: how many jobs, and for how long whichever is next."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import CTE, Select, false, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import jobs, waits
from terrafusion.adapters.postgres.claiming import OFF, could_run, not_paused, queues

MOST_COUNTED: Final = 10_000
WALKING: Final = select(*(func.set_config(f"enable_{way}", "off", false()) for way in OFF))
"""For a session of one's own: what is below goes through queues in the index's order, as a claim does."""


def _first(moving: CTE, *, most: int | None) -> Any:
    """Take the first jobs of each queue that could run."""
    since = func.coalesce(jobs.c.run_after, jobs.c.created_at).label("since")
    mine = (jobs.c.county_id == moving.c.county_id, jobs.c.analysis_type == moving.c.analysis_type)
    of_queue = select(since).where(waits, *mine, could_run()).order_by(jobs.c.queue_at, jobs.c.job_id)
    return of_queue.limit(most).lateral("first")


def _queued() -> Select[Any]:
    walk = queues()
    moving = select(walk.c.county_id, walk.c.analysis_type).where(not_paused(walk)).cte("moving")
    every, head = _first(moving, most=None), _first(moving, most=1)
    some = select(every.c.since).select_from(moving).join(every, true()).limit(MOST_COUNTED).subquery("some")
    oldest = select(func.min(head.c.since)).select_from(moving).join(head, true()).scalar_subquery()
    return select(select(func.count()).select_from(some).scalar_subquery(), func.extract("epoch", func.now() - oldest))


QUEUED: Final = _queued()


async def queued(connection: AsyncConnection) -> tuple[int, float]:
    """Return how many jobs could run now, counted no further than 10,000, and how long, in seconds, the next could have."""
    many, age = (await connection.execute(QUEUED)).one()
    return many, float(age or 0)
