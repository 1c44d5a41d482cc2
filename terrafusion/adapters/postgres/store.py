"""The job store on Postgres: each move one statement with the events that tell of it, errors in our words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from models.access import Counties as Seen
from models.dead_letters import DeadLetter
from models.jobs import Claim, Finish, Heartbeat, Job, JobStatus
from models.messages import JobStatusChanged
from models.queue import QueueRules
from terrafusion.adapters.postgres import acceptance, claiming, ending, finishing, leases, reading
from terrafusion.adapters.postgres.engine import connected, single_statements, transaction
from terrafusion.ports import Accepted, JobFilter, Offer, Page, TakenOver


class PostgresJobStore:
    """Fulfils `terrafusion.ports.JobStore`."""

    def __init__(self, engine: AsyncEngine, *, sender: str = "", queue: QueueRules = QueueRules()) -> None:  # noqa: B008 - frozen
        """Take the connections, the name by which this process knows its own notifications, and the queue's rules."""
        self._engine = engine
        self._statements = single_statements(engine)
        self._sender = sender
        self._queue = queue

    async def accept(self, offers: Sequence[Offer], letters: Sequence[DeadLetter] = ()) -> Accepted:
        """Write jobs and dead letters."""
        async with connected(self._statements) as connection:
            return await acceptance.accept(connection, offers, letters, rules=self._queue, sender=self._sender)

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

    async def cancel(self, ids: Sequence[UUID], *, message: str) -> frozenset[UUID]:
        """End jobs that wait or run."""
        async with connected(self._statements) as connection:
            return await ending.cancel(connection, ids, message=message, sender=self._sender)

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

    async def page(self, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int) -> Page:
        """Return jobs newest first."""
        async with connected(self._statements) as connection:
            return await reading.page(connection, wanted, after=after, limit=limit)

    async def live(self, limit: int) -> Sequence[JobStatusChanged]:
        """Return the last event of jobs that are not terminal."""
        async with connected(self._statements) as connection:
            return await reading.live(connection, limit)

    async def counts(self, counties: Seen = None) -> Mapping[JobStatus, int]:
        """Return how many jobs stand where."""
        async with connected(self._statements) as connection:
            return await reading.counts(connection, counties)
