"""Retention without a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from models.jobs import TERMINAL, Job
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.ports import EndedJob
from topics.events import tombstone


class MemoryRetention:
    """Fulfils `terrafusion.ports.Retention` and `Purging` over a `MemoryJobStore`; what it tells is told at once."""

    def __init__(self, store: MemoryJobStore) -> None:
        self._store = store
        self._is_taken = False

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[MemoryRetention | None]:
        """Become the one that purges while the block runs."""
        if self._is_taken:
            yield None
            return
        self._is_taken = True
        try:
            yield self
        finally:
            self._is_taken = False

    async def ended(self, *, age: timedelta, limit: int) -> Sequence[EndedJob]:
        """Return jobs that ended so long ago."""
        found = sorted(self._ended(age), key=lambda job: (job.created_at, job.job_id))
        return [EndedJob(job.job_id, job.county_id, job.analysis_type) for job in found[:limit]]

    async def forget_jobs(self, ids: Collection[UUID], *, age: timedelta) -> int:
        """Forget jobs, and tell their tombstones."""
        gone = [job.job_id for job in self._ended(age) if job.job_id in ids]
        for job_id in gone:
            self._store.forget(job_id)
            self._store.outbox.append(tombstone(job_id))
        return len(gone)

    async def forget_letters(self, *, age: timedelta, limit: int) -> int:
        """Forget dead letters."""
        return len(self._store.dead_letters.forget(age, limit=limit))

    async def without_result(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Say which jobs ended without a result file."""
        known = [job for job_id in ids if (job := await self._store.get(job_id))]
        return frozenset(job.job_id for job in known if job.status in TERMINAL and job.result_data_location is None)

    async def count_jobs(self, *, age: timedelta) -> int:
        """Return how many jobs ended so long ago."""
        return len(list(self._ended(age)))

    async def count_letters(self, *, age: timedelta) -> int:
        """Return how many dead letters may go."""
        return len(self._store.dead_letters.old(age))

    def _ended(self, age: timedelta) -> Iterator[Job]:
        return (job for job in self._store.ended() if job.completed_at and job.completed_at < self._store.now() - age)
