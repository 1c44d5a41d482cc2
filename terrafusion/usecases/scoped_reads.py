"""What a caller sees: the ports that views read from, of the caller's counties alone.

The counties go into the query. Views are handed these and no others, so none can show too much.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from models.access import Caller, Counties
from models.attempts import AttemptLog, Attention, History
from models.dead_letters import KeptLetter, LetterEntry
from models.jobs import Job, JobStatus
from models.live import Missed
from models.messages import JobStatusChanged
from models.pauses import Pause, Scope
from terrafusion.ports.counties import Counties as LoadedCounties
from terrafusion.ports.counties import DataVersion
from terrafusion.ports.history import JobHistory, LiveJobs
from terrafusion.ports.jobs import ALL, MOST_COUNTED, JobFilter, JobReader, Page
from terrafusion.ports.letters import LetterFilter, LetterReader
from terrafusion.usecases.calls import caller
from terrafusion.usecases.pauses import ShownPauses

Who = Callable[[], Caller]


def both(one: Counties, other: Counties) -> Counties:
    """Return the counties that are in both."""
    if one is None or other is None:
        return other if one is None else one
    return one & other


class SeenJobs:
    """Fulfils `terrafusion.ports.jobs.JobReader`."""

    def __init__(self, jobs: JobReader, who: Who = caller) -> None:
        self._jobs = jobs
        self._who = who

    async def get(self, job_id: UUID, *, counties: Counties = None) -> Job | None:
        """Return one job."""
        return await self._jobs.get(job_id, counties=self._seen(counties))

    async def page(
        self, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int, oldest_first: bool = False
    ) -> Page:
        """Return jobs newest first, or the oldest."""
        return await self._jobs.page(self.narrowed(wanted), after=after, limit=limit, oldest_first=oldest_first)

    async def counts(self, wanted: JobFilter = ALL, *, most: int = MOST_COUNTED) -> Mapping[JobStatus, int]:
        """Return how many jobs of a filter stand where."""
        return await self._jobs.counts(self.narrowed(wanted), most=most)

    def narrowed(self, wanted: JobFilter) -> JobFilter:
        """Return a filter of the caller's counties alone."""
        return replace(wanted, counties=self._seen(wanted.counties))

    async def running(self) -> Mapping[str, int]:
        """Return how many jobs run, by county."""
        return {county: jobs for county, jobs in (await self._jobs.running()).items() if self._who().sees(county)}

    def _seen(self, counties: Counties) -> Counties:
        return both(counties, self._who().counties)


class SeenHistory:
    """Fulfils `terrafusion.ports.history.JobHistory`, but for what is kept."""

    def __init__(self, history: JobHistory, jobs: JobReader, who: Who = caller) -> None:
        self._history = history
        self._jobs = jobs
        self._who = who

    async def history(self, job_id: UUID) -> History:
        """Return what is kept of a job's attempts."""
        counties = self._who().counties
        if counties is not None and await self._jobs.get(job_id, counties=counties) is None:
            return History()
        return await self._history.history(job_id)

    async def retried(self, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Return the last retry of each of these jobs, which somebody was shown; it is of the same county."""
        return await self._history.retried(ids)

    async def attention(self, limit: int, *, counties: Counties = None) -> Attention:
        """Return jobs that somebody should look at."""
        return await self._history.attention(limit, counties=both(counties, self._who().counties))

    async def changed(self, since: datetime, limit: int, *, counties: Counties = None) -> Sequence[JobStatusChanged]:
        """Return the state of jobs that moved since."""
        return await self._history.changed(since, limit, counties=both(counties, self._who().counties))

    async def keep_logs(self, logs: Sequence[AttemptLog]) -> None:
        """Refuse: no view writes any."""
        raise NotImplementedError


class SeenLetters:
    """Fulfils `terrafusion.ports.letters.LetterReader`."""

    def __init__(self, letters: LetterReader, who: Who = caller) -> None:
        self._letters = letters
        self._who = who

    async def page(self, wanted: LetterFilter, *, before: int | None, limit: int) -> Sequence[LetterEntry]:
        """Return letters newest first."""
        return await self._letters.page(self._narrowed(wanted), before=before, limit=limit)

    async def count(self, wanted: LetterFilter, *, after: int) -> int:
        """Return how many letters there are."""
        return await self._letters.count(self._narrowed(wanted), after=after)

    async def get(self, letter_id: int, *, counties: Counties = None) -> KeptLetter | None:
        """Return one letter, whole."""
        return await self._letters.get(letter_id, counties=both(counties, self._who().counties))

    def _narrowed(self, wanted: LetterFilter) -> LetterFilter:
        return replace(wanted, counties=both(wanted.counties, self._who().counties))


class SeenCounties:
    """Fulfils `terrafusion.ports.counties.Counties`."""

    def __init__(self, counties: LoadedCounties, who: Who = caller) -> None:
        self._counties = counties
        self._who = who

    async def current(self, of: Counties = None) -> Sequence[DataVersion]:
        """Return each known county's current data version."""
        return await self._counties.current(both(of, self._who().counties))

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        """Return one data version."""
        return await self._counties.version(county_id, data_version) if self._who().sees(county_id) else None

    async def history(self, county_id: str, *, limit: int) -> Sequence[DataVersion]:
        """Return a county's data versions, newest first."""
        return await self._counties.history(county_id, limit=limit) if self._who().sees(county_id) else []


class SeenLive:
    """Fulfils `terrafusion.ports.history.LiveJobs`."""

    def __init__(self, live: LiveJobs, who: Who = caller) -> None:
        self._live = live
        self._who = who

    def get(self, job_id: UUID) -> JobStatusChanged | None:
        """Return a job's last event where this process holds it."""
        event = self._live.get(job_id)
        return event if event and self._who().sees(event.county_id) else None

    @asynccontextmanager
    async def follow(self, job_id: UUID | None = None) -> AsyncIterator[AsyncIterator[JobStatusChanged | Missed]]:
        """Subscribe to one job's events, or to all."""
        who = self._who()
        async with self._live.follow(job_id) as events:
            yield events if who.counties is None else _Own(events, who)


class _Own(AsyncIterator[JobStatusChanged | Missed]):
    """The events of somebody's counties; waiting for one may be broken off and begun again."""

    def __init__(self, events: AsyncIterator[JobStatusChanged | Missed], who: Caller) -> None:
        self._events = events
        self._who = who

    async def __anext__(self) -> JobStatusChanged | Missed:
        while True:
            event = await anext(self._events)
            if isinstance(event, Missed) or self._who.sees(event.county_id):
                return event


class SeenPauses:
    """What stands still, as far as it is the caller's: what holds for all counties, and what for theirs."""

    def __init__(self, pauses: ShownPauses, who: Who = caller) -> None:
        self._pauses = pauses
        self._who = who

    async def look(self) -> Sequence[Pause]:
        """Return what is paused, oldest first. Raises Unavailable."""
        who = self._who()
        return [pause for pause in await self._pauses.look() if pause.scope is not Scope.COUNTY or who.sees(pause.name)]
