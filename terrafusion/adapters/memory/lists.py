"""What is read of jobs without a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from models.access import Counties as Seen
from models.attempts import Attempt, AttemptLog, Attention, History
from models.jobs import TERMINAL, Job, JobStatus
from models.messages import JobStatusChanged
from terrafusion.ports.history import DEADLINE_NEAR, LEASE_GRACE, MOST_ATTEMPTS, REFUSED, WAITS_LONG
from terrafusion.ports.jobs import ALL, MOST_COUNTED, MOST_LOOKED_AT, JobFilter, Page

SHORTEST_ID = 4


@dataclass(slots=True)
class Row:
    """A job and what only the store sees of it."""

    job: Job
    queue_at: datetime
    crashes: int = 0
    owner: str | None = None
    lease_until: datetime | None = None


class MemoryLists:
    """What a job store answers without moving anything; its rows are the store's."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.now = clock
        self._rows: dict[UUID, Row] = {}
        self._attempts: dict[UUID, list[Attempt]] = {}
        self._logs: dict[tuple[UUID, int], AttemptLog] = {}

    async def get(self, job_id: UUID, *, counties: Seen = None) -> Job | None:
        """Return one job."""
        row = self._rows.get(job_id)
        return row.job if row and is_of(row.job, counties) else None

    async def page(
        self, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int, oldest_first: bool = False
    ) -> Page:
        """Return jobs newest first, or the oldest, from the one behind ``after``."""
        found = [job for job in self._found(wanted) if after is None or _place(job) != after]
        if after is not None:
            found = [job for job in found if (_place(job) > after) is oldest_first]
        shown = (found[::-1] if oldest_first else found)[:limit]
        return Page(shown, _place(shown[-1]) if len(found) > limit else None)

    async def counts(self, wanted: JobFilter = ALL, *, most: int = MOST_COUNTED) -> Mapping[JobStatus, int]:
        """Return how many jobs of a filter stand where."""
        standing = [job.status for job in self._found(replace(wanted, status=None))]
        return {status: min(standing.count(status), most + 1) for status in JobStatus}

    async def waiting(self, most: int) -> int:
        """Return how many jobs are PENDING."""
        return min(most, sum(row.job.status is JobStatus.PENDING for row in self._rows.values()))

    async def live(self, limit: int) -> Sequence[JobStatusChanged]:
        """Return the last event of jobs that are not terminal."""
        return [_changed(job) for job in self._newest() if job.status not in TERMINAL][:limit]

    async def history(self, job_id: UUID) -> History:
        """Return what is kept of a job's attempts."""
        logs = [log for (of, _), log in sorted(self._logs.items()) if of == job_id]
        retries = [job.job_id for job in reversed(self._newest()) if job.retry_of == job_id]
        return History(attempts=self._attempts.get(job_id, []), logs=logs, retried_as=retries[:MOST_ATTEMPTS])

    async def retried(self, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Return the last retry of each of these jobs that has one."""
        return {job.retry_of: job.job_id for job in reversed(self._newest()) if job.retry_of in ids and job.retry_of}

    async def attention(self, limit: int, *, counties: Seen = None) -> Attention:
        """Return jobs that somebody should look at."""
        now, retried = self.now(), {row.job.retry_of for row in self._rows.values()}
        failures = [job for job in self._newest(counties) if job.status is JobStatus.FAILED]
        looked_at = failures[:MOST_LOOKED_AT]
        failed = [job for job in looked_at if not _refused(job) and job.job_id not in retried]
        unseen = len(failed) < limit and len(failures) > MOST_LOOKED_AT
        leased = sorted((row.lease_until, row.job.job_id) for row in self._rows.values() if row.lease_until)
        silent = [self._rows[job_id].job for until, job_id in leased if until < now - LEASE_GRACE]
        stuck, late = ([job for job in kind if is_of(job, counties)] for kind in (silent, self._late(now)))
        return Attention(failed=failed[:limit], unseen=unseen, stuck=stuck[:limit], late=late[:limit])

    async def changed(self, since: datetime, limit: int, *, counties: Seen = None) -> Sequence[JobStatusChanged]:
        """Return the state of jobs that moved since, those that moved first before others."""
        moved = [job for job in self._newest(counties) if job.updated_at >= since]
        return [_changed(job) for job in sorted(moved, key=lambda job: (job.updated_at, job.job_id))][:limit]

    async def keep_logs(self, logs: Sequence[AttemptLog]) -> None:
        """Keep what was logged for attempts."""
        self._logs |= {(log.job_id, log.attempt): log for log in logs}
        newest = {log.job_id: log.attempt for log in logs}
        outgrown = [(of, n) for of, n in self._logs if of in newest and n <= newest[of] - MOST_ATTEMPTS]
        for key in outgrown:
            del self._logs[key]

    def _keep_attempt(self, job: Job) -> None:
        """Keep the attempt that just ended, of which the job tells no more once it is claimed again."""
        kept = Attempt(
            attempt=job.attempt,
            worker=job.worker,
            claimed_at=job.claimed_at,
            ended_at=job.updated_at,
            message=job.message,
        )
        self._attempts[job.job_id] = [*self._attempts.get(job.job_id, []), kept][-MOST_ATTEMPTS:]

    def _late(self, now: datetime) -> Sequence[Job]:
        waiting = [row for row in self._rows.values() if row.job.status is JobStatus.PENDING]
        urgent = [
            (row.job.deadline, row.job.job_id)
            for row in waiting
            if row.job.deadline and row.job.deadline < now + DEADLINE_NEAR
        ]
        old = [_place(row.job) for row in waiting if row.job.created_at < now - WAITS_LONG]
        ordered = dict.fromkeys(job_id for _, job_id in (*sorted(urgent), *sorted(old)))
        return [self._rows[job_id].job for job_id in ordered]

    def _found(self, wanted: JobFilter) -> Sequence[Job]:
        jobs = [job for job in self._newest() if _matches(job, wanted)]
        if wanted.text is None:
            return jobs
        for names in (_begins, _correlates, _asked):
            if any(names(job, wanted.text) for job in self._newest(wanted.counties)):
                return [job for job in jobs if names(job, wanted.text)]
        return [job for job in jobs if wanted.text.casefold() in job.message.casefold()]

    def _newest(self, counties: Seen = None) -> Sequence[Job]:
        jobs = (row.job for row in self._rows.values() if is_of(row.job, counties))
        return sorted(jobs, key=_place, reverse=True)


def is_of(job: Job, counties: Seen) -> bool:
    """Say whether a job is of one of these counties."""
    return counties is None or job.county_id in counties


def _begins(job: Job, text: str) -> bool:
    digits = text.replace("-", "").lower()
    return len(digits) >= SHORTEST_ID and job.job_id.hex.startswith(digits)


def _correlates(job: Job, text: str) -> bool:
    return job.correlation_id == text


def _asked(job: Job, text: str) -> bool:
    return job.requested_by == text


def _refused(job: Job) -> bool:
    return job.failure_reason in REFUSED and not job.attempt


def _matches(job: Job, wanted: JobFilter) -> bool:
    named = ("status", "county_id", "analysis_type", "correlation_id")
    asked = ((getattr(wanted, name), getattr(job, name)) for name in named)
    since, until = wanted.since, wanted.until
    within = (since is None or job.created_at >= since) and (until is None or job.created_at < until)
    return within and is_of(job, wanted.counties) and all(value is None or value == has for value, has in asked)


def _place(job: Job) -> tuple[datetime, UUID]:
    return job.created_at, job.job_id


def _changed(job: Job) -> JobStatusChanged:
    return JobStatusChanged.model_validate(job, from_attributes=True)
