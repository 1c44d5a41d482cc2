"""What the use cases need of the outside world. Adapters fulfil it, and fakes held to the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from models.access import Counties as Seen
from models.access import Deed
from models.dead_letters import DeadLetter, Handling, KeptLetter, LetterEntry, LetterState, Stage
from models.jobs import Claim, FailureReason, Finish, Heartbeat, Job, JobStatus, NewJob
from models.messages import JobStatusChanged
from models.pauses import Pause, Scope
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersion:
    """One state of a county's records: where its snapshots lie and how the county writes its records."""

    county_id: str
    data_version: str
    snapshot_uri: str
    """Where its sales lie."""
    profile: Mapping[str, Any]
    sales: int
    first_sale: date | None
    last_sale: date | None
    created_at: datetime
    """When it became the current one, the last time that it did."""
    properties: int = 0
    properties_uri: str | None = None
    """None where it has none; likewise of listings."""
    listings: int = 0
    listings_uri: str | None = None

    def uri(self, kind: str) -> str | None:
        """Return where its records of a kind lie."""
        return {"sales": self.snapshot_uri, "properties": self.properties_uri, "listings": self.listings_uri}[kind]

    @property
    def uris(self) -> Sequence[str]:
        """Where all of it lies."""
        return [uri for uri in (self.snapshot_uri, self.properties_uri, self.listings_uri) if uri]


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
        """End attempts. What is missing from the answer was fenced off: another attempt owns the job."""

    async def heartbeat(self, owner: str, beats: Sequence[Heartbeat], *, lease: timedelta) -> frozenset[UUID]:
        """Renew leases and tell progress where it rose. Answers the ids that are no longer the owner's."""

    async def release(
        self, attempts: Mapping[UUID, int], *, message: str, delay: timedelta = timedelta(0)
    ) -> frozenset[UUID]:
        """Hand jobs back to the queue, to be claimed after ``delay``; answers the ids that moved."""

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


class Pauses(Protocol):
    """What stands still by somebody's order; every worker sees it in the store. A ``deed`` is written as by `JobStore`."""

    async def pause(
        self, scope: Scope, name: str, *, reason: str | None, requested_by: str | None, deed: Deed | None = None
    ) -> Pause:
        """Have something stand still; one that does so already keeps its time and reason. Returns it as it stands."""

    async def resume(self, scope: Scope, name: str, *, deed: Deed | None = None) -> bool:
        """Let it go on; says whether it was paused."""

    async def all(self) -> Sequence[Pause]:
        """Return what is paused, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters are meant; None is no condition."""

    state: LetterState | None = LetterState.OPEN
    topic: str | None = None
    stage: Stage | None = None
    error_class: str | None = None
    job_id: UUID | None = None
    county_id: str | None = None
    """Naming this county; beside `counties`, both must hold."""
    analysis_type: str | None = None
    since: datetime | None = None
    """Kept at this moment or later."""
    until: datetime | None = None
    """Kept before this moment."""
    counties: Seen = None
    """Telling of a job of these counties; a letter that tells of no job is of none."""


class LetterReader(Protocol):
    """What could not be used. Ids rise in the order in which letters were kept."""

    async def page(self, wanted: LetterFilter, *, before: int | None, limit: int) -> Sequence[LetterEntry]:
        """Return letters newest first, those whose id is below ``before``."""

    async def count(self, wanted: LetterFilter, *, after: int) -> int:
        """Return how many letters with an id above ``after`` there are."""

    async def get(self, letter_id: int, *, counties: Seen = None) -> KeptLetter | None:
        """Return one letter, whole; as `LetterFilter` has it none of other counties."""


class DeadLetters(LetterReader, Protocol):
    """Dead letters, and what somebody did about them. A ``deed`` is written as by `JobStore`."""

    async def ids(self, wanted: LetterFilter, *, after: int, limit: int) -> Sequence[int]:
        """Return the ids above ``after``, oldest first."""

    async def settle(self, ids: Sequence[int], handling: Handling, *, deed: Deed | None = None) -> frozenset[int]:
        """Write down what was done about letters that are open; answers which were: of two who try one wins."""

    async def republish(self, letter_id: int, *, by: str | None, deed: Deed | None = None) -> bool:
        """Have the relay publish an open letter's record as it was, and call it replayed; says whether it was open."""


class Counties(Protocol):
    """Which counties are loaded."""

    async def current(self, of: Seen = None) -> Sequence[DataVersion]:
        """Return each known county's current data version, by county_id; of other counties than ``of`` none."""

    async def version(self, county_id: str, data_version: str) -> DataVersion | None:
        """Return one data version."""

    async def history(self, county_id: str, *, limit: int) -> Sequence[DataVersion]:
        """Return a county's data versions, newest first."""


class Outbox(Protocol):
    """What is to be published, in the order it was written."""

    def lead(self) -> AbstractAsyncContextManager[OutboxLeader | None]:
        """Become the one relay; yields None where another leads."""


class OutboxLeader(Protocol):
    """The one relay's hold on the outbox."""

    async def read(self, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        """Return the oldest entries."""

    async def backlog(self) -> tuple[int, float]:
        """Return how many entries wait, and the age of the oldest in seconds."""

    async def open_letters(self) -> Mapping[Stage, int]:
        """Return how many dead letters nobody has done anything about, by stage; counts a bounded number."""

    async def queued(self) -> tuple[int, float]:
        """Return how many jobs could run now, and for how long, in seconds, whichever is next could have.

        What is paused or waits for its time could not. Counts a bounded number.
        """

    async def forget(self, ids: Sequence[int], refused: Sequence[OutgoingRecord] = (), reason: str = "") -> None:
        """Forget entries that were published, and keep as dead letters, in the same step, what the broker refused."""


class Publisher(Protocol):
    """The way to the broker."""

    async def start(self) -> None:
        """Connect, and fence whoever published before, unless that is done; raises Unavailable."""

    async def publish(self, records: Sequence[OutgoingRecord]) -> None:
        """Publish all of them or none, in order per key; returns once the broker has them.

        Raises TooLarge where the broker refuses one for its size, Unavailable where it cannot be reached or
        another relay has taken over. After either it has to be started again.
        """

    async def stop(self) -> None:
        """Disconnect."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a child process needs to know to run one job."""

    job_id: UUID
    analysis_type: str
    county_id: str
    parameters: Mapping[str, Any]
    data: DataVersion
    correlation_id: str | None = None
    traceparent: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a child's work on one job ended."""

    seconds: float
    message: str
    began_ns: int = 0
    """Since 1970, by the child's clock."""
    failure_reason: FailureReason | None = None
    retry: bool = False
    """A service was away: no fault of the job, so it waits and is run again."""
    result_summary: Mapping[str, Any] | None = None
    result_data_location: str | None = None
    result_sha256: str | None = None


class Pool(Protocol):
    """Child processes that run analyses."""

    @property
    def has_child(self) -> bool:
        """Whether a child is there, so that a task given now does not wait for one to begin."""

    async def run(self, tasks: Sequence[Task], *, seconds: float) -> Sequence[Outcome]:
        """Run tasks one after another in one child; cancelling it kills the child.

        Raises ChildDied where the child ends on its own, ChildTimedOut where it is killed after ``seconds``,
        PoolUnavailable where no child is to be had or the pool was given up, for no fault of the tasks.
        """


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be well, and what was seen."""

    ok: bool
    detail: str


class Health(Protocol):
    """Whether this worker is alive, and whether it can do its work."""

    def alive(self) -> Check:
        """Say whether the process still turns; asks nobody outside it."""

    async def checks(self) -> Mapping[str, Check]:
        """Ask each service the worker needs."""


class Bell(Protocol):
    """Tells this process that there may be work: jobs to claim, entries to publish."""

    def ring(self) -> None:
        """Wake who waits."""

    def rings(self, *, at_least_every: timedelta) -> AsyncIterator[None]:
        """Yield when rung, and after each interval without a ring."""
