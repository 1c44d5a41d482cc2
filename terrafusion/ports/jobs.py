"""Jobs as they are accepted, moved and listed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from models.access import Counties as Seen
from models.access import Deed
from models.dead_letters import DeadLetter
from models.jobs import Claim, Finish, Heartbeat, Job, JobStatus, NewJob
from models.messages import JobStatusChanged


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
    since: datetime | None = None
    """Accepted at this moment or later."""
    until: datetime | None = None
    """Accepted before this moment."""
    text: str | None = None
    """The beginning of its id, its correlation or who asked, of all jobs; what is none of these stands in its message."""
    counties: Seen = None
    """Of which counties; beside `county_id`, both must hold."""


ALL: Final = JobFilter()
MOST_COUNTED: Final = 10_000
"""A count goes no further: that there are more is all that is told."""
MOST_LOOKED_AT: Final = 3_000
"""Jobs that a page looks through for what no index has in order."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, and where the next one begins: (created_at, job_id) of the last job that was looked at.

    Of a list that no index has in order only so many jobs are looked at, so a page may hold fewer than asked for.
    """

    jobs: Sequence[Job]
    next_after: tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True)
class TakenOver:
    """How many jobs went back to the queue because their lease ran out, and how many were given up."""

    returned: int
    given_up: int
    whose: Sequence[tuple[str, str]] = field(default=(), compare=False)
    """County and analysis type of each that was given up."""


class JobReader(Protocol):
    """Jobs as they are shown; of other counties than ``counties`` there are none."""

    async def get(self, job_id: UUID, *, counties: Seen = None) -> Job | None:
        """Return one job, parameters and result included."""

    async def page(
        self, wanted: JobFilter, *, after: tuple[datetime, UUID] | None, limit: int, oldest_first: bool = False
    ) -> Page:
        """Return jobs newest first, or the oldest."""

    async def counts(self, wanted: JobFilter = ALL, *, most: int = MOST_COUNTED) -> Mapping[JobStatus, int]:
        """Return how many jobs of a filter, but for its status, stand where; every state is there.

        None is counted further than ``most`` + 1. Where no index has the list in order, what `page` looks at is counted.
        """

    async def running(self) -> Mapping[str, int]:
        """Return how many jobs run, by county; a county without any is absent."""


class JobStore(JobReader, Protocol):
    """Jobs, their moves and the events that tell of them: row and events always in one transaction.

    A ``deed`` is written into the audit log in that same transaction, for each job or letter that is new or moved: what
    changes nothing leaves no entry. The job and the county are told of the row where the deed does not name them.
    """

    async def accept(
        self, offers: Sequence[Offer], letters: Sequence[DeadLetter] = (), *, deed: Deed | None = None
    ) -> Accepted:
        """Write jobs and dead letters. A job that stands already is left as it is.

        A PENDING job is pinned to its county's current data version. Raises UnstorableData where one of the
        values cannot be stored (nothing is written then), Unavailable where the store cannot be reached.
        """

    async def claim(
        self, owner: str, *, slots: float, weights: Mapping[str, float], lease: timedelta
    ) -> Sequence[Claim]:
        """Give waiting jobs to ``owner``: counties in turn, within a county by priority and how long they wait.

        ``weights`` says what part of a slot a job of a type takes (1 where it is silent); the sum of the
        weights given out never exceeds ``slots``. No county ever has more jobs running than the store's limit, and
        nothing is given out that is paused.
        """

    async def finish(self, finishes: Sequence[Finish]) -> frozenset[UUID]:
        """End attempts; what was ended before by the same attempt, in the same words, is in the answer as well.

        What is missing from it was fenced off: the job was ended otherwise, or another attempt owns it. Those that failed are
        ended by themselves: the others stay ended though it raises for these.
        """

    async def heartbeat(self, owner: str, beats: Sequence[Heartbeat], *, lease: timedelta) -> frozenset[UUID]:
        """Renew leases and tell progress where it rose. Answers the ids that are no longer the owner's."""

    async def release(
        self, attempts: Mapping[UUID, int], *, message: str, delay: timedelta = timedelta(0)
    ) -> frozenset[UUID]:
        """Hand jobs back to the queue, to be claimed after ``delay``; answers the ids that moved."""

    async def release_lost(self, owner: str, *, held: Mapping[UUID, int], message: str) -> frozenset[UUID]:
        """Hand back what was given to ``owner`` and is not ``held``: by a claim whose answer it never had.

        Waits for a claim that is under way; answers the ids that moved.
        """

    async def crashed(self, attempts: Mapping[UUID, int], *, message: str, max_crashes: int) -> TakenOver:
        """Count a child's death against its jobs: back to the queue, or FAILED with a dead letter above the limit."""

    async def take_over(self, *, max_crashes: int) -> TakenOver:
        """Do the same for jobs whose lease has run out."""

    async def cancel(self, ids: Sequence[UUID], *, message: str, deed: Deed | None = None) -> frozenset[UUID]:
        """End jobs that wait or run, at once; answers the ids that moved. A late finish of theirs is fenced off."""

    async def cancelled(self, ids: Collection[UUID]) -> frozenset[UUID]:
        """Say which of these jobs were cancelled."""

    async def expire(self) -> Sequence[tuple[str, str]]:
        """Fail waiting jobs whose deadline has passed; answers county and analysis type of each."""

    async def live(self, limit: int) -> Sequence[JobStatusChanged]:
        """Return the last event of up to ``limit`` jobs that are not terminal, newest first."""

    async def waiting(self, most: int) -> int:
        """Return how many jobs are PENDING, counted no further than ``most``."""
