"""Retention without a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from models.jobs import TERMINAL, Job
from terrafusion.adapters.memory.credentials import MemoryAuditLog
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.retention import EndedJob, Replaced
from topics.events import tombstone


class MemoryRetention:
    """Fulfils `terrafusion.ports.retention.Retention` and `terrafusion.ports.retention.Purging` over a `MemoryJobStore`; what it tells is told at once."""

    def __init__(self, store: MemoryJobStore, log: MemoryAuditLog | None = None) -> None:
        self._store = store
        self._log = log
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

    @asynccontextmanager
    async def replaced(self, *, age: timedelta, limit: int) -> AsyncIterator[Replaced | None]:
        """Hold data versions of one county that nobody needs."""
        old = self._old_versions(age, self._store.all())
        counties = self._store.counties
        if not old:
            yield None
            return
        going = [version for version in old if version.county_id == old[0].county_id][:limit]
        staying = [version for version in counties.all() if version not in going]
        snapshots = {uri for version in going for uri in version.uris} - {uri for v in staying for uri in v.uris}
        yield Replaced(old[0].county_id, [version.data_version for version in going], sorted(snapshots))

    async def forget_versions(self, held: Replaced, *, age: timedelta) -> int:
        """Forget data versions."""
        old = self._old_versions(age, self._store.all())
        going = [v for v in old if v.county_id == held.county_id and v.data_version in held.versions]
        for version in going:
            self._store.counties.forget(version)
        return len(going)

    async def count_versions(self, *, age: timedelta, jobs: timedelta | None) -> int:
        """Return how many data versions may go."""
        ended = {job.job_id for job in self._ended(jobs)} if jobs else frozenset[UUID]()
        return len(self._old_versions(age, [job for job in self._store.all() if job.job_id not in ended]))

    def _old_versions(self, age: timedelta, naming: Sequence[Job]) -> Sequence[DataVersion]:
        named = {(job.county_id, job.data_version) for job in naming}
        old = self._store.counties.replaced(before=self._store.now() - age)
        return [version for version in old if (version.county_id, version.data_version) not in named]

    async def forget_deeds(self, *, age: timedelta, limit: int) -> int:
        """Forget entries of the audit log."""
        return self._log.forget(self._store.now() - age, limit=limit) if self._log else 0

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
