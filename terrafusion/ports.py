"""What the use cases need of the outside world. Adapters fulfil it, and fakes held to the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from models.dead_letters import DeadLetter
from models.jobs import Claim, Finish, Heartbeat, Job, JobStatus, NewJob
from models.records import OutgoingRecord


@dataclass(frozen=True, slots=True)
class Offer:
    """A job to accept, and the letter to keep in its stead should its id stand for something else already."""

    job: NewJob
    on_conflict: DeadLetter | None = None
    letter: DeadLetter | None = None
    """Kept beside a job that is born FAILED."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch of offers: ids that are new, that stood already, and that stood for something else."""

    new: frozenset[UUID]
    known: frozenset[UUID]
    conflicting: frozenset[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list shows; None is no condition."""

    status: JobStatus | None = None
    county_id: str | None = None
    analysis_type: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, newest first, and where the next one begins: (created_at, job_id) of its last job."""

    jobs: Sequence[Job]
    next_after: tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True)
class DataVersion:
    """One state of a county's records: where its snapshot lies and how the county writes its records."""

    county_id: str
    data_version: str
    snapshot_uri: str
    profile: Mapping[str, Any]


class JobStore(Protocol):
    """Jobs, their moves and the events that tell of them: row and events always in one transaction."""

    async def accept(self, offers: Sequence[Offer], letters: Sequence[DeadLetter] = ()) -> Accepted:
        """Write jobs and dead letters. A job that stands already is left as it is."""

    async def claim(self, owner: str, *, limit: int, lease: timedelta) -> Sequence[Claim]:
        """Give up to ``limit`` waiting jobs to ``owner``, highest priority first, then oldest."""

    async def finish(self, finishes: Sequence[Finish]) -> frozenset[UUID]:
        """End attempts. What is missing from the answer was fenced off: another attempt owns the job."""

    async def heartbeat(self, owner: str, beats: Sequence[Heartbeat], *, lease: timedelta) -> frozenset[UUID]:
        """Renew leases and tell progress. Answers the ids that are no longer the owner's."""

    async def release(self, owner: str, attempts: Mapping[UUID, int], *, crashed: bool = False) -> frozenset[UUID]:
        """Hand jobs back to the queue; ``crashed`` counts it against the job."""

    async def take_over(self, *, lease: timedelta, max_crashes: int) -> tuple[int, int]:
        """Return jobs with expired leases to the queue; answers how many, and how many were given up."""

    async def get(self, job_id: UUID) -> Job | None:
        """Return one job."""

    async def page(self, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int) -> Page:
        """Return jobs newest first."""

    async def counts(self) -> Mapping[JobStatus, int]:
        """Return how many jobs stand where."""


class Counties(Protocol):
    """Which counties are loaded."""

    async def current(self) -> Mapping[str, str]:
        """Return each known county's current data version."""

    async def version(self, county_id: str, data_version: str) -> DataVersion:
        """Return one data version; raises UnknownCounty."""


class Outbox(Protocol):
    """What is to be published, in the order it was written."""

    def lead(self) -> AbstractAsyncContextManager[OutboxLeader | None]:
        """Become the one relay; yields None where another leads."""


class OutboxLeader(Protocol):
    """The one relay's hold on the outbox."""

    async def read(self, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        """Return the oldest entries."""

    async def delete(self, ids: Sequence[int]) -> None:
        """Forget entries that were published."""

    async def park(self, entry: int, records: Sequence[OutgoingRecord], reason: str) -> None:
        """Keep what the broker refuses as dead letters and forget the entry."""


class Publisher(Protocol):
    """The way to the broker."""

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish all of them or none, in order per key; returns once the broker has them."""


class Bell(Protocol):
    """Tells this process that there may be work: jobs to claim, entries to publish."""

    def ring(self) -> None:
        """Wake who waits."""

    def rings(self, *, at_least_every: timedelta) -> AsyncIterator[None]:
        """Yield when rung, and after each interval without a ring."""
