"""Retention: what ended long ago goes, a batch at a time, with its files and a word to whoever follows the topics.

Files go before the row that names them, a job's and a data version's. Whatever breaks in between, the row still says
which files are left to remove, and the next pass does it all again; the other way round they would lie there for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from terrafusion.metrics import Metrics
from terrafusion.ports.retention import KeptFiles, Purging, Retention

BATCH: Final = 500
PAUSE_S: Final = 0.25
"""Between batches, so that the rest of the system hardly feels it: some 1,000 jobs a second all the same."""
FORGOTTEN_AFTER: Final = timedelta(days=1)
"""No process writes for so long to a file of which nobody is told."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long what is kept; None is for ever."""

    jobs: timedelta | None
    letters: timedelta | None
    versions: timedelta | None
    deeds: timedelta | None = None
    """Entries of the audit log."""

    @classmethod
    def of_days(cls, *, jobs: float, letters: float, versions: float, deeds: float = 0) -> Self:
        """Read the settings, where 0 stands for ever."""
        return cls(*(timedelta(days=days) or None for days in (jobs, letters, versions, deeds)))


@dataclass(frozen=True, slots=True)
class Purged:
    """How many of what went, or would go."""

    jobs: int
    dead_letters: int
    data_versions: int
    files: int
    """Files without a job that needs them; those of the jobs and data versions are not counted."""


class Purge:
    """Purges what its terms let go."""

    def __init__(
        self,
        *,
        retention: Retention,
        files: KeptFiles,
        terms: Terms,
        metrics: Metrics,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._retention = retention
        self._files = files
        self._terms = terms
        self._metrics = metrics
        self._pause = pause

    async def run(self, *, sweep: bool) -> Purged | None:
        """Purge, and with ``sweep`` look through all files; None where another is at it. Raises Unavailable."""
        async with self._retention.alone() as purging:
            if purging is None:
                return None
            jobs, letters, versions = [await purge(purging) for purge in (self._jobs, self._letters, self._versions)]
            await self._deeds(purging)
            return Purged(jobs, letters, versions, await self._sweep(purging) if sweep else 0)

    async def look(self) -> Purged | None:
        """Say what `run` would purge, and purge nothing."""
        async with self._retention.alone() as purging:
            if purging is None:
                return None
            jobs, letters, versions = self._terms.jobs, self._terms.letters, self._terms.versions
            return Purged(
                await purging.count_jobs(age=jobs) if jobs else 0,
                await purging.count_letters(age=letters) if letters else 0,
                await purging.count_versions(age=versions, jobs=jobs) if versions else 0,
                await self._sweep(purging, is_dry=True),
            )

    async def _jobs(self, purging: Purging) -> int:
        age, gone = self._terms.jobs, 0
        while age and (ended := await purging.ended(age=age, limit=BATCH)):
            await self._files.remove_results(ended)
            gone += self._count("jobs", await purging.forget_jobs([job.job_id for job in ended], age=age))
            await self._pause(PAUSE_S)
        return gone

    async def _letters(self, purging: Purging) -> int:
        age, gone = self._terms.letters, 0
        while age and (some := await purging.forget_letters(age=age, limit=BATCH)):
            gone += self._count("dead_letters", some)
            await self._pause(PAUSE_S)
        return gone

    async def _versions(self, purging: Purging) -> int:
        age, gone = self._terms.versions, 0
        while age and (some := await self._some_versions(purging, age)):
            gone += self._count("data_versions", some)
            await self._pause(PAUSE_S)
        return gone

    async def _some_versions(self, purging: Purging, age: timedelta) -> int:
        async with purging.replaced(age=age, limit=BATCH) as held:
            if held is None:
                return 0
            await self._files.remove_snapshots(held.snapshots)
            return await purging.forget_versions(held, age=age)

    async def _deeds(self, purging: Purging) -> None:
        age = self._terms.deeds
        while age and (some := await purging.forget_deeds(age=age, limit=BATCH)):
            self._count("audit_entries", some)
            await self._pause(PAUSE_S)

    async def _sweep(self, purging: Purging, *, is_dry: bool = False) -> int:
        """Remove unfinished files, and results of jobs that are known to have none. An unknown job's file stays."""
        gone = 0
        async for files in self._files.old(age=FORGOTTEN_AFTER):
            bare = await purging.without_result({file.job_id for file in files if file.job_id})
            needless = [file for file in files if file.job_id is None or file.job_id in bare]
            gone += len(needless)
            if needless and not is_dry:
                await self._files.remove(needless)
                self._count("files", len(needless))
                await self._pause(PAUSE_S)
        return gone

    def _count(self, what: str, many: int) -> int:
        self._metrics.purged.labels(what).inc(many)
        return many
