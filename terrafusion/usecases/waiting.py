"""Why jobs wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.jobs import Job, JobStatus
from models.pauses import Scope
from terrafusion.errors import Unavailable
from terrafusion.ports.jobs import JobStore
from terrafusion.usecases.pauses import KnownPauses

KNOWN_FOR_S: Final = 1.0
PATIENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Reasons:
    """What keeps jobs from running: their county or type is paused, their time has not come, their county is full."""

    now: datetime
    paused_counties: frozenset[str] = frozenset()
    paused_types: frozenset[str] = frozenset()
    full_counties: frozenset[str] = frozenset()

    def of(self, job: Job) -> str | None:
        """Say what a job waits for, the slowest to pass first; None where it does not wait."""
        if job.status is not JobStatus.PENDING:
            return None
        if job.county_id in self.paused_counties or job.analysis_type in self.paused_types:
            return "paused"
        if job.run_after is not None and job.run_after > self.now:
            return "run_after"
        return "county_limit" if job.county_id in self.full_counties else "slots"


class Waiting:
    """Looks at the queue for those who ask why a job waits, once a second at most."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        pauses: KnownPauses,
        max_running_per_county: int | None,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._jobs = jobs
        self._pauses = pauses
        self._limit = max_running_per_county
        self._now = now
        self._monotonic = monotonic
        self._full: frozenset[str] = frozenset()
        self._look_at = 0.0

    async def reasons(self, jobs: Iterable[Job]) -> Reasons:
        """Return what keeps these jobs; asks nobody where none waits, and tells what was known while the store is away."""
        if any(job.status is JobStatus.PENDING for job in jobs) and self._monotonic() >= self._look_at:
            await self._look()
        counties, types = (self._pauses.names(scope) for scope in (Scope.COUNTY, Scope.TYPE))
        return Reasons(self._now(), counties, types, self._full)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._pauses.look()
                self._full = await self._at_their_limit()
        except (Unavailable, TimeoutError):
            self._full = frozenset()
        self._look_at = self._monotonic() + KNOWN_FOR_S

    async def _at_their_limit(self) -> frozenset[str]:
        if self._limit is None:
            return frozenset()
        return frozenset(county_id for county_id, many in (await self._jobs.running()).items() if many >= self._limit)
