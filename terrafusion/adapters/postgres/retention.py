"""What is kept no longer, forgotten in bounded batches by one process at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.jobs import TERMINAL
from models.tables import audit_log, dead_letters, jobs, outbox
from terrafusion.adapters.postgres import replaced
from terrafusion.adapters.postgres.engine import connected, single_statements
from terrafusion.adapters.postgres.history import forgotten
from terrafusion.adapters.postgres.moves import NAMED, seconds, stands
from terrafusion.adapters.postgres.telling import entered
from terrafusion.boundaries import Boundary, cross
from terrafusion.ports.retention import EndedJob, Replaced

PURGE_LOCK: Final = 7_251_004

_TRY: Final = select(func.pg_try_advisory_lock(PURGE_LOCK))
_LONG_AGO: Final = func.now() - seconds("age")
_ENDED: Final = (jobs.c.completed_at < _LONG_AGO, stands(*TERMINAL))
_ACCEPTED: Final = jobs.c.created_at < _LONG_AGO
"""Follows from the end, and is what the index knows."""
_OLDEST: Final = (
    select(jobs.c.job_id, jobs.c.county_id, jobs.c.analysis_type)
    .where(_ACCEPTED, *_ENDED)
    .order_by(jobs.c.created_at, jobs.c.job_id)
)
_WITHOUT_RESULT: Final = select(jobs.c.job_id).where(NAMED, stands(*TERMINAL), jobs.c.result_data_location.is_(None))
_COUNT_JOBS: Final = select(func.count()).select_from(jobs).where(_ACCEPTED, *_ENDED)


def _forget_jobs() -> Select[Any]:
    gone = delete(jobs).where(NAMED, *_ENDED).returning(jobs.c.job_id).cte("gone")
    told = select(func.array_agg(gone.c.job_id)).having(func.count() > 0)
    return select(func.count()).select_from(gone).add_cte(entered("purged", told), *forgotten(gone))


def _is_old_letter() -> ColumnElement[bool]:
    """Old since it was kept or last dealt with, and before all that is still to be told: an entry names its letters."""
    untold = select(func.coalesce(func.min(outbox.c.created_at), text("timestamptz 'infinity'"))).scalar_subquery()
    since = func.coalesce(dead_letters.c.handled_at, dead_letters.c.created_at)
    return (since < _LONG_AGO) & (since < untold)


_FORGET_JOBS: Final = _forget_jobs()
_OLD_LETTERS: Final = select(dead_letters.c.id).where(_is_old_letter()).order_by(dead_letters.c.id)
_LOCKED: Final = (
    _OLD_LETTERS.limit(bindparam("limit")).with_for_update(skip_locked=True).cte("locked").prefix_with("MATERIALIZED")
)
"""Locked before it is deleted, so that one which is replayed meanwhile is looked at again, and stays for its entry.

Once: a subquery that takes locks may be run for each row, and yields others each time.
"""
_FORGET_LETTERS: Final = delete(dead_letters).where(dead_letters.c.id.in_(select(_LOCKED.c.id)))
_OLD_DEEDS: Final = select(audit_log.c.id).where(audit_log.c.at < _LONG_AGO).order_by(audit_log.c.at)
_FORGET_DEEDS: Final = delete(audit_log).where(
    audit_log.c.id.in_(_OLD_DEEDS.limit(bindparam("limit")).scalar_subquery())
)
_COUNT_LETTERS: Final = select(func.count()).select_from(dead_letters).where(_is_old_letter())


class PostgresRetention:
    """Fulfils `terrafusion.ports.retention.Retention`."""

    def __init__(self, engine: AsyncEngine, *, sender: str = "") -> None:
        """Take the connections, and the name by which this process knows its own notifications."""
        self._engine = single_statements(engine)
        self._sender = sender

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[PostgresPurging | None]:
        """Become the one that purges while the block runs; the lock goes with the connection that does it."""
        async with connected(self._engine) as connection:
            if not (await connection.execute(_TRY)).scalar_one():
                yield None
                return
            try:
                yield PostgresPurging(connection, self._sender)
            finally:
                await connection.invalidate()  # ends the session, so the lock as well


class PostgresPurging:
    """Fulfils `terrafusion.ports.retention.Purging`; each call is a transaction of its own."""

    def __init__(self, connection: AsyncConnection, sender: str) -> None:
        self._connection = connection
        self._sender = sender

    async def ended(self, *, age: timedelta, limit: int) -> Sequence[EndedJob]:
        """Return jobs that ended so long ago."""
        rows = await self._connection.execute(_OLDEST.limit(limit), _of(age))
        return [EndedJob(*row) for row in rows]

    async def forget_jobs(self, ids: Collection[UUID], *, age: timedelta) -> int:
        """Forget jobs, and have the tombstones told in the statement that does it."""
        asked = {"ids": list(ids), "sender": self._sender, **_of(age)}
        forgotten = int((await self._connection.execute(_FORGET_JOBS, asked)).scalar_one())
        cross(Boundary.JOBS_PURGED)
        return forgotten

    async def forget_letters(self, *, age: timedelta, limit: int) -> int:
        """Forget dead letters."""
        gone = await self._connection.execute(_FORGET_LETTERS, {"limit": limit, **_of(age)})
        cross(Boundary.LETTERS_PURGED)
        return gone.rowcount

    def replaced(self, *, age: timedelta, limit: int) -> AbstractAsyncContextManager[Replaced | None]:
        """Hold data versions of one county that nobody needs."""
        return replaced.replaced(self._connection, age=age, limit=limit)

    async def forget_versions(self, held: Replaced, *, age: timedelta) -> int:
        """Forget data versions."""
        return await replaced.forget(self._connection, held, age=age)

    async def forget_deeds(self, *, age: timedelta, limit: int) -> int:
        """Forget entries of the audit log."""
        gone = await self._connection.execute(_FORGET_DEEDS, {"limit": limit, **_of(age)})
        return gone.rowcount

    async def without_result(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Say which jobs ended without a result file."""
        found = await self._connection.execute(_WITHOUT_RESULT, {"ids": list(ids)})
        return frozenset(found.scalars())

    async def count_jobs(self, *, age: timedelta) -> int:
        """Return how many jobs ended so long ago."""
        return int((await self._connection.execute(_COUNT_JOBS, _of(age))).scalar_one())

    async def count_letters(self, *, age: timedelta) -> int:
        """Return how many dead letters may go."""
        return int((await self._connection.execute(_COUNT_LETTERS, _of(age))).scalar_one())

    async def count_versions(self, *, age: timedelta, jobs: timedelta | None) -> int:
        """Return how many data versions may go."""
        return await replaced.count(self._connection, age=age, jobs=jobs)


def _of(age: timedelta) -> dict[str, float]:
    return {"age": age.total_seconds()}
