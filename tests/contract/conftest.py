"""One way to arrange and to look, whatever the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.drivers import Driver, MemoryDriver, PostgresDriver

from models.dead_letters import DeadLetter, Stage
from models.jobs import TERMINAL, Claim, FailureReason, Finish, Job, JobStatus, NewJob, allowed
from models.messages import JobCompleted, JobStatusChanged
from models.records import OutgoingRecord
from terrafusion.adapters.postgres.engine import make_engine
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.ports.jobs import JobFilter, JobStore, Offer
from topics.catalogue import COMPLETED, DEAD_LETTER, REQUESTS, STATUS

LEASE = timedelta(seconds=30)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


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
                await self.store.cancel([claim.job_id], message="Cancelled")
        return claim

    async def look(self, job_id: UUID) -> Job:
        """Return a job that must be there."""
        job = await self.store.get(job_id)
        assert job is not None
        return job

    async def told(self) -> Sequence[JobStatusChanged | JobCompleted]:
        """Return the events in the outbox, read as their messages; of a job that was purged those since then."""
        kinds = {STATUS.name: JobStatusChanged, COMPLETED.name: JobCompleted}
        told: list[JobStatusChanged | JobCompleted] = []
        for record in await self.driver.outbox():
            if record.topic in kinds and record.value is None:
                told = [event for event in told if str(event.job_id).encode() != record.key]
            elif record.topic in kinds:
                told.append(kinds[record.topic].model_validate_json(record.value or b""))
        return told

    async def dead(self) -> Sequence[OutgoingRecord]:
        """Return the dead letters in the outbox."""
        return [record for record in await self.driver.outbox() if record.topic == DEAD_LETTER.name]

    async def check(self) -> None:
        """Hold what must be true of every job at any time."""
        told: dict[UUID, list[JobStatusChanged | JobCompleted]] = {}
        for event in await self.told():
            told.setdefault(event.job_id, []).append(event)
        page = await self.store.page(JobFilter(), after=None, limit=1_000_000)
        hidden = await self.driver.hidden()
        assert {job.job_id for job in page.jobs} == told.keys(), "a row without events, or events without a row"
        for job in page.jobs:
            _check_life(job, told[job.job_id])
            runs, row = job.status is JobStatus.RUNNING, hidden[job.job_id]
            assert (row.owner is not None, row.lease_until is not None) == (runs, runs)


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
def by_itself(database_url: str) -> Iterator[tuple[AsyncEngine, Callable[[Awaitable[Any]], Any]]]:
    """Connections to the real store, and what runs coroutines for a test that is none."""
    loop = asyncio.new_event_loop()
    engine = make_engine(make_url(database_url), connections=4)
    yield engine, loop.run_until_complete
    loop.run_until_complete(engine.dispose())
    loop.close()


@pytest.fixture
def both_by_hand(database_url: str) -> Iterator[tuple[tuple[Bench, Bench], Callable[[Awaitable[Any]], Any]]]:
    """The fake and the real store beside each other, and what runs coroutines of both."""
    loop = asyncio.new_event_loop()
    engine = make_engine(make_url(database_url), connections=2)
    yield (Bench(MemoryDriver()), Bench(PostgresDriver(engine))), loop.run_until_complete
    loop.run_until_complete(engine.dispose())
    loop.close()


@pytest.fixture
def loose_bench(driver: Driver) -> Bench:
    """The same for who moves rows in time, so that their events tell of another."""
    return Bench(driver)


@pytest.fixture
async def bench(driver: Driver) -> AsyncIterator[Bench]:
    """A store under test; whatever a test does to it, its events must agree with its rows."""
    made = Bench(driver)
    yield made
    await made.check()
