"""One way to arrange and to look, whatever the store: what the port does not offer is done here, once for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from models.dead_letters import DeadLetter, Stage
from models.jobs import CANCEL, TERMINAL, Claim, FailureReason, Finish, Job, JobStatus, NewJob, allowed
from models.messages import JobCompleted, JobStatusChanged
from models.records import OutgoingRecord
from models.tables import county_profiles, data_versions, dead_letters, jobs, outbox
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import connected, make_engine, single_statements
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.adapters.postgres.moves import move
from terrafusion.adapters.postgres.outbox import PostgresOutboxLeader
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.adapters.postgres.telling import TOLD_AT_THE_END, telling
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.errors import Conflict
from terrafusion.ports import Counties, DataVersion, JobStore, Offer
from topics.catalogue import COMPLETED, DEAD_LETTER, REQUESTS, STATUS

LEASE = timedelta(seconds=30)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class KeptLetter:
    """What the tests look at of a dead letter."""

    topic: str
    partition: int | None
    offset: int | None
    stage: str
    job_id: UUID | None
    error_class: str


@dataclass(frozen=True)
class Hidden:
    """What a row says that a `Job` does not."""

    owner: str | None
    lease_until: datetime | None
    crashes: int
    deadline: datetime | None


class Driver(Protocol):
    """A store under test, with the hands and eyes of a test."""

    store: JobStore
    counties: Counties

    async def pass_time(self, delta: timedelta) -> None:
        """Let leases, waiting times and deadlines come nearer by ``delta``."""

    async def cancel(self, job_id: UUID) -> bool:
        """Cancel a job, which the port does not offer yet; answers whether it moved."""

    async def load(self, county_id: str, version: str) -> None:
        """Make ``version`` the county's current data version."""

    async def outbox(self) -> Sequence[OutgoingRecord]:
        """Return everything told so far, in order."""

    async def letters(self) -> Sequence[KeptLetter]:
        """Return the dead letters kept so far."""

    async def hidden(self, job_id: UUID) -> Hidden:
        """Return what only the row says."""

    async def clear(self) -> None:
        """Forget everything."""


class MemoryDriver:
    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._now = LONG_AGO
        self.counties = MemoryCounties()
        self.store = MemoryJobStore(clock=self._tick, counties=self.counties)

    def _tick(self) -> datetime:
        """No two moments are the same, as in a database whose every call takes its time."""
        self._now += timedelta(microseconds=1)
        return self._now

    async def pass_time(self, delta: timedelta) -> None:
        self._now += delta

    async def cancel(self, job_id: UUID) -> bool:
        try:
            self.store._move(self.store._rows[job_id], CANCEL, message="Cancelled")
        except Conflict:
            return False
        return True

    async def load(self, county_id: str, version: str) -> None:
        self.counties.add(
            DataVersion(
                county_id=county_id,
                data_version=version,
                snapshot_uri="file:///nowhere",
                profile={},
                sales=1,
                first_sale=None,
                last_sale=None,
                created_at=self._now,
            )
        )

    async def outbox(self) -> Sequence[OutgoingRecord]:
        return self.store.outbox

    async def letters(self) -> Sequence[KeptLetter]:
        return [
            KeptLetter(x.topic, x.partition, x.offset, x.stage, x.job_id, x.error_class) for x in self.store.letters
        ]

    async def hidden(self, job_id: UUID) -> Hidden:
        row = self.store._rows[job_id]
        return Hidden(row.owner, row.lease_until, row.crashes, row.deadline)

    async def clear(self) -> None:
        self._start()


class PostgresDriver:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.store = PostgresJobStore(engine)
        self.counties = PostgresCounties(engine)

    async def pass_time(self, delta: timedelta) -> None:
        sooner = {name: jobs.c[name] - delta for name in ("lease_until", "run_after", "deadline")}
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.status.not_in(sorted(TERMINAL))).values(sooner))

    async def cancel(self, job_id: UUID) -> bool:
        cancelled = move(CANCEL, message="Cancelled").where(jobs.c.job_id == job_id)
        async with connected(single_statements(self._engine)) as connection:
            moved = await connection.execute(telling(cancelled, jobs.c.job_id, told=TOLD_AT_THE_END))
            return bool(moved.all())

    async def load(self, county_id: str, version: str) -> None:
        async with self._engine.begin() as connection:
            known = select(func.count()).where(county_profiles.c.county_id == county_id)
            if not (await connection.execute(known)).scalar_one():
                await connection.execute(insert(county_profiles).values(county_id=county_id, profile={}))
            of_county = data_versions.c.county_id == county_id
            await connection.execute(update(data_versions).where(of_county).values(current=False))
            values = {"county_id": county_id, "data_version": version, "snapshot_uri": "file:///nowhere"}
            await connection.execute(insert(data_versions).values(**values, profile={}, sales=1, current=True))

    async def outbox(self) -> Sequence[OutgoingRecord]:
        async with connected(single_statements(self._engine)) as connection:
            entries = await PostgresOutboxLeader(connection).read(1_000_000)
        return [record for _, entry in entries for record in entry]

    async def letters(self) -> Sequence[KeptLetter]:
        columns = (dead_letters.c[name] for name in KeptLetter.__dataclass_fields__)
        async with self._engine.begin() as connection:
            return [KeptLetter(*row) for row in await connection.execute(select(*columns).order_by(dead_letters.c.id))]

    async def hidden(self, job_id: UUID) -> Hidden:
        columns = (jobs.c[name] for name in Hidden.__dataclass_fields__)
        async with self._engine.begin() as connection:
            return Hidden(*(await connection.execute(select(*columns).where(jobs.c.job_id == job_id))).one())

    async def clear(self) -> None:
        async with self._engine.begin() as connection:
            for table in (jobs, outbox, dead_letters, data_versions, county_profiles):
                await connection.execute(delete(table))


class Bench:
    """A driver with what nearly every test does to it."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    @property
    def store(self) -> JobStore:
        """The store as it is now: clearing may make another."""
        return self.driver.store

    @staticmethod
    def job(**fields: Any) -> NewJob:
        """Make a job to accept."""
        standard = {"analysis_type": "trend_analysis", "county_id": "king_wa", "parameters": {}, "digest": "d1"}
        return NewJob(**{"job_id": uuid4(), **standard, **fields})

    @staticmethod
    def letter(offset: int | None, *, stage: Stage = Stage.DECODE, **fields: Any) -> DeadLetter:
        """Make a dead letter of the requests topic's partition 3."""
        partition = None if offset is None else 3
        coordinates = {"topic": REQUESTS.name, "partition": partition, "offset": offset, "timestamp": LONG_AGO}
        content = {"key": b"k", "value": b"\xff\x00", "headers": (("h", b"\x00"),)}
        reason = {"stage": stage, "error_class": "MalformedMessage", "error_message": "bad \0 bytes"}
        return DeadLetter(**{**coordinates, **content, **reason, **fields})

    async def waiting(self, **fields: Any) -> UUID:
        """Accept one new job."""
        job = self.job(**fields)
        await self.store.accept([Offer(job)])
        return job.job_id

    async def claim(self, *, owner: str = "worker", slots: float = 100, **fields: Any) -> Sequence[Claim]:
        """Claim what waits."""
        return await self.store.claim(owner, **{"slots": slots, "weights": {}, "lease": LEASE, **fields})

    async def running(self, *, owner: str = "worker", **fields: Any) -> Claim:
        """Accept one new job and claim it."""
        job_id = await self.waiting(**fields)
        return next(claim for claim in await self.claim(owner=owner) if claim.job_id == job_id)

    async def standing(self, status: JobStatus) -> Claim:
        """Bring a job into a state, by way of RUNNING; its claim tells its attempt."""
        claim = await self.running()
        done = Finish(job_id=claim.job_id, attempt=claim.attempt, message="Done")
        match status:
            case JobStatus.PENDING:
                await self.store.release({claim.job_id: claim.attempt}, message="Handed back")
            case JobStatus.COMPLETED:
                await self.store.finish([done])
            case JobStatus.FAILED:
                await self.store.finish([replace(done, failure_reason=FailureReason.TIMEOUT)])
            case JobStatus.CANCELLED:
                await self.driver.cancel(claim.job_id)
        return claim

    async def look(self, job_id: UUID) -> Job:
        """Return a job that must be there."""
        job = await self.store.get(job_id)
        assert job is not None
        return job

    async def told(self) -> Sequence[JobStatusChanged | JobCompleted]:
        """Return the events in the outbox, read as their messages."""
        kinds = {STATUS.name: JobStatusChanged, COMPLETED.name: JobCompleted}
        records = await self.driver.outbox()
        return [kinds[r.topic].model_validate_json(r.value or b"") for r in records if r.topic in kinds]

    async def dead(self) -> Sequence[OutgoingRecord]:
        """Return the dead letters in the outbox."""
        return [record for record in await self.driver.outbox() if record.topic == DEAD_LETTER.name]

    async def check(self) -> None:
        """Hold what must be true of every job at any time."""
        told: dict[UUID, list[JobStatusChanged | JobCompleted]] = {}
        for event in await self.told():
            told.setdefault(event.job_id, []).append(event)
        counted = await self.store.counts()
        assert sum(counted.values()) == len(told), "a row without events, or events without a row"
        for job_id, events in told.items():
            _check_life(await self.look(job_id), events)
            hidden = await self.driver.hidden(job_id)
            runs = (await self.look(job_id)).status is JobStatus.RUNNING
            assert (hidden.owner is not None, hidden.lease_until is not None) == (runs, runs)


def _check_life(job: Job, events: Sequence[JobStatusChanged | JobCompleted]) -> None:
    changes = [event for event in events if isinstance(event, JobStatusChanged)]
    ends = [event for event in events if isinstance(event, JobCompleted)]
    assert [event.sequence for event in changes] == list(range(1, job.sequence + 1)), "a gap, or out of order"
    assert all(_same(event, job) for event in (changes[-1], *ends)), "the last event is not what the row says"
    assert len(ends) == (job.status in TERMINAL), "not exactly one completed event at the end"
    for before, after in pairwise(changes):
        goes_on = before.status is after.status is JobStatus.RUNNING and before.progress < after.progress
        assert goes_on or allowed(before.status, after.status), f"{before.status} to {after.status}"
        assert before.attempt <= after.attempt
        assert before.updated_at <= after.updated_at


def _same(event: JobStatusChanged | JobCompleted, job: Job) -> bool:
    return all(getattr(event, name) == getattr(job, name) for name in type(event).model_fields)


@pytest.fixture(params=["memory", "postgres"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """The suite runs once on the fake and once on the real store."""
    if request.param == "memory":
        return MemoryDriver()
    return request.getfixturevalue("postgres_driver")


@pytest.fixture(scope="session")
async def shared_engine(postgres: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    """Connections to one database for all these tests: emptying it is faster than a new one each time."""
    url = make_url(postgres.url)
    admin = make_engine(url, connections=1)
    async with admin.connect() as connection:
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await outside.execute(text("CREATE DATABASE contract"))
    await admin.dispose()
    await migrate(url.set(database="contract"))
    engine = make_engine(url.set(database="contract"), connections=5)
    yield engine
    await engine.dispose()


@pytest.fixture
async def postgres_driver(shared_engine: AsyncEngine) -> PostgresDriver:
    """The real store alone, empty."""
    made = PostgresDriver(shared_engine)
    await made.clear()
    return made


@pytest.fixture(params=["memory", "postgres"])
def by_hand(request: pytest.FixtureRequest) -> Iterator[tuple[Bench, Callable[[Awaitable[Any]], Any]]]:
    """The same for a test that is no coroutine, and what runs coroutines for it."""
    loop = asyncio.new_event_loop()
    if request.param == "memory":
        yield Bench(MemoryDriver()), loop.run_until_complete
    else:
        engine = make_engine(make_url(request.getfixturevalue("database_url")), connections=2)
        yield Bench(PostgresDriver(engine)), loop.run_until_complete
        loop.run_until_complete(engine.dispose())
    loop.close()


@pytest.fixture
async def bench(driver: Driver) -> AsyncIterator[Bench]:
    """A store under test; whatever a test does to it, its events must agree with its rows."""
    made = Bench(driver)
    yield made
    await made.check()
