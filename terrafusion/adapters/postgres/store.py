"""The job store on Postgres: each move one statement with the events that tell of it, errors in our words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Counties as Seen
from models.access import Deed
from models.attempts import AttemptLog, Attention, History
from models.dead_letters import DeadLetter
from models.jobs import Claim, Finish, Heartbeat, Job, JobStatus
from models.messages import JobStatusChanged
from models.queue import QueueRules
from terrafusion.adapters.postgres import (
    acceptance,
    attention,
    claiming,
    ending,
    finishing,
    history,
    leases,
    listing,
    reading,
)
from terrafusion.adapters.postgres.engine import connected, single_statements, transaction
from terrafusion.ports.jobs import ALL, MOST_COUNTED, Accepted, JobFilter, Offer, Page, TakenOver


class PostgresJobStore:
    """Fulfils `terrafusion.ports.jobs.JobStore` and `terrafusion.ports.history.JobHistory`."""

    def __init__(self, engine: AsyncEngine, *, sender: str = "", queue: QueueRules = QueueRules()) -> None:  # noqa: B008 - frozen
        """Take the connections, the name by which this process knows its own notifications, and the queue's rules."""
        self._engine = engine
        self._statements = single_statements(engine)
        self._sender = sender
        self._queue = queue

    async def accept(
        self, offers: Sequence[Offer], letters: Sequence[DeadLetter] = (), *, deed: Deed | None = None
    ) -> Accepted:
        """Write jobs and dead letters."""
        async with connected(self._statements) as connection:
            return await acceptance.accept(
                connection, offers, letters, rules=self._queue, sender=self._sender, deed=deed
            )

    async def claim(
        self, owner: str, *, slots: float, weights: Mapping[str, float], lease: timedelta
    ) -> Sequence[Claim]:
        """Give waiting jobs to ``owner``."""
        async with transaction(self._engine) as connection:
            return await claiming.claim(
                connection,
                owner,
                slots=slots,
                weights=weights,
                lease=lease,
                rules=self._queue,
                sender=self._sender,
            )

    async def finish(self, finishes: Sequence[Finish]) -> frozenset[UUID]:
        """End attempts."""
        async with connected(self._statements) as connection:
            return await finishing.finish(connection, finishes, self._sender)

    async def heartbeat(self, owner: str, beats: Sequence[Heartbeat], *, lease: timedelta) -> frozenset[UUID]:
        """Renew leases; answers the ids that are no longer the owner's."""
        async with connected(self._statements) as connection:
            return await leases.heartbeat(connection, owner, beats, lease=lease, sender=self._sender)

    async def release(
        self, attempts: Mapping[UUID, int], *, message: str, delay: timedelta = timedelta(0)
    ) -> frozenset[UUID]:
        """Hand jobs back to the queue."""
        async with connected(self._statements) as connection:
            return await claiming.release(connection, attempts, message=message, delay=delay, sender=self._sender)

    async def release_lost(self, owner: str, *, held: Mapping[UUID, int], message: str) -> frozenset[UUID]:
        """Hand back what ``owner`` was given and does not hold."""
        async with transaction(self._engine) as connection:
            return await claiming.release_lost(connection, owner, known=held, message=message, sender=self._sender)

    async def crashed(self, attempts: Mapping[UUID, int], *, message: str, max_crashes: int) -> TakenOver:
        """Count a child's death against its jobs."""
        async with transaction(self._engine) as connection:
            return await leases.crashed(
                connection, attempts, message=message, max_crashes=max_crashes, sender=self._sender
            )

    async def take_over(self, *, max_crashes: int) -> TakenOver:
        """Move on the jobs whose lease has run out."""
        async with connected(self._statements) as connection:
            if not await leases.any_expired(connection):
                return TakenOver(0, 0)
        async with transaction(self._engine) as connection:
            return await leases.take_over(connection, max_crashes=max_crashes, sender=self._sender)

    async def cancel(self, ids: Sequence[UUID], *, message: str, deed: Deed | None = None) -> frozenset[UUID]:
        """End jobs that wait or run."""
        async with connected(self._statements) as connection:
            return await ending.cancel(connection, ids, message=message, sender=self._sender, deed=deed)

    async def cancelled(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Say which of these jobs were cancelled."""
        async with connected(self._statements) as connection:
            return await reading.cancelled(connection, ids)

    async def expire(self) -> Sequence[tuple[str, str]]:
        """Fail waiting jobs whose deadline has passed."""
        async with connected(self._statements) as connection:
            return await ending.expire(connection, self._sender)

    async def running(self) -> Mapping[str, int]:
        """Return how many jobs run, by county."""
        async with connected(self._statements) as connection:
            return await reading.running(connection)

    async def get(self, job_id: UUID, *, counties: Seen = None) -> Job | None:
        """Return one job."""
        async with connected(self._statements) as connection:
            return await reading.get(connection, job_id, counties)

    async def page(
        self, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int, oldest_first: bool = False
    ) -> Page:
        """Return jobs newest first, or the oldest."""
        async with connected(self._statements) as connection:
            return await listing.page(connection, wanted, after=after, limit=limit, oldest_first=oldest_first)

    async def live(self, limit: int) -> Sequence[JobStatusChanged]:
        """Return the last event of jobs that are not terminal."""
        async with connected(self._statements) as connection:
            return await listing.live(connection, limit)

    async def counts(self, wanted: JobFilter = ALL, *, most: int = MOST_COUNTED) -> Mapping[JobStatus, int]:
        """Return how many jobs of a filter stand where."""
        async with connected(self._statements) as connection:
            return await listing.counts(connection, wanted, most)

    async def waiting(self, most: int) -> int:
        """Return how many jobs are PENDING, counted no further than ``most``."""
        async with connected(self._statements) as connection:
            return await listing.waiting(connection, most)

    async def history(self, job_id: UUID) -> History:
        """Return what is kept of a job's attempts."""
        async with connected(self._statements) as connection:
            return await history.history(connection, job_id)

    async def retried(self, ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Return the last retry of each of these jobs that has one."""
        async with connected(self._statements) as connection:
            return await history.retried(connection, ids)

    async def attention(self, limit: int, *, counties: Seen = None) -> Attention:
        """Return jobs that somebody should look at."""
        async with connected(self._statements) as connection:
            return await attention.attention(connection, limit, counties)

    async def changed(self, since: datetime, limit: int, *, counties: Seen = None) -> Sequence[JobStatusChanged]:
        """Return the state of jobs that moved since."""
        async with connected(self._statements) as connection:
            return await attention.changed(connection, since, limit, counties)

    async def keep_logs(self, logs: Sequence[AttemptLog]) -> None:
        """Keep what was logged for attempts."""
        async with connected(self._statements) as connection:
            await history.keep_logs(connection, logs)
