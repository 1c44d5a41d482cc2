"""One way to arrange and to look, whatever the store: what the port does not offer is done here, once for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, zip_longest
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, make_url, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from models.county_tables import county_profiles, data_versions
from models.dead_letters import DeadLetter, Stage
from models.jobs import TERMINAL, Claim, FailureReason, Finish, Job, JobStatus, NewJob, allowed
from models.messages import JobCompleted, JobStatusChanged
from models.queue import QueueRules
from models.records import OutgoingRecord
from models.tables import (
    county_turns,
    dead_letters,
    job_attempts,
    job_logs,
    job_rates,
    jobs,
    lag_samples,
    outbox,
    pauses,
    workers,
)
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.memory.pauses import MemoryPauses
from terrafusion.adapters.memory.rates import MemoryRates
from terrafusion.adapters.memory.retention import MemoryRetention
from terrafusion.adapters.memory.workers import MemoryWorkers
from terrafusion.adapters.postgres.counties import PostgresCounties
from terrafusion.adapters.postgres.engine import connected, make_engine, single_statements
from terrafusion.adapters.postgres.migrate import migrate
from terrafusion.adapters.postgres.outbox import PostgresOutboxLeader
from terrafusion.adapters.postgres.pausing import PostgresPauses
from terrafusion.adapters.postgres.rates import PostgresRates
from terrafusion.adapters.postgres.retention import PostgresRetention
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.adapters.postgres.watching import PostgresWorkers
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.keeping import Retention
from terrafusion.ports import Counties, DataVersion, JobFilter, JobStore, Offer, Pauses
from terrafusion.watching import Rates, Workers
from topics.catalogue import COMPLETED, DEAD_LETTER, REQUESTS, STATUS

LEASE = timedelta(seconds=30)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = ("created_at", "updated_at", "started_at", "completed_at")


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


class Driver(Protocol):
    """A store under test, with the hands and eyes of a test."""

    store: JobStore
    counties: Counties
    pauses: Pauses
    retention: Retention
    workers: Workers
    rates: Rates

    async def pass_time(self, delta: timedelta) -> None:
        """Let leases and deadlines come nearer by ``delta``, and what waits have waited so much longer."""

    def rule(self, rules: QueueRules) -> None:
        """Have the store give jobs out by other rules from now on."""

    async def load(self, county_id: str, version: str, *uris: str) -> None:
        """Make ``version`` the county's current data version; ``uris`` are those of sales, properties and listings."""

    async def age_versions(self, delta: timedelta) -> None:
        """Have every data version have become current so much longer ago."""

    async def age(self, job_id: UUID, delta: timedelta) -> None:
        """Have everything of a job be so much longer ago."""

    async def age_letters(self, delta: timedelta) -> None:
        """Have every dead letter, and what was done about it, be so much longer ago."""

    async def publish(self) -> None:
        """Have all that was told so far published."""

    async def age_watched(self, delta: timedelta) -> None:
        """Have all that workers said, and all that was sampled, be so much longer ago."""

    async def forget_last_rates(self) -> None:
        """Have the last stretch of time not been put together."""

    async def outbox(self) -> Sequence[OutgoingRecord]:
        """Return everything told so far, in order."""

    async def letters(self) -> Sequence[KeptLetter]:
        """Return the dead letters kept so far."""

    async def hidden(self) -> Mapping[UUID, Hidden]:
        """Return what only the rows say, by job."""

    async def clear(self) -> None:
        """Forget everything."""


class MemoryDriver:
    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._now = LONG_AGO
        self.counties = MemoryCounties()
        self.pauses = MemoryPauses(clock=self._tick)
        self.store = MemoryJobStore(clock=self._tick, counties=self.counties, pauses=self.pauses)
        self.retention = MemoryRetention(self.store)
        self.workers = MemoryWorkers(clock=self._tick)
        self.rates = MemoryRates(self.store)

    def _tick(self) -> datetime:
        """No two moments are the same, as in a database whose every call takes its time."""
        self._now += timedelta(microseconds=1)
        return self._now

    async def pass_time(self, delta: timedelta) -> None:
        self._now += delta

    def rule(self, rules: QueueRules) -> None:
        self.store._queue = rules

    async def load(self, county_id: str, version: str, *uris: str) -> None:
        self.counties.add(
            DataVersion(
                county_id=county_id,
                data_version=version,
                profile={},
                sales=1,
                first_sale=None,
                last_sale=None,
                created_at=self._tick(),
                **_located(*uris),
            )
        )

    async def age_versions(self, delta: timedelta) -> None:
        for key, version in self.counties._versions.items():
            older = replace(version, created_at=version.created_at - delta)
            self.counties._versions[key] = older
            if self.counties._current[version.county_id] is version:
                self.counties._current[version.county_id] = older

    async def age(self, job_id: UUID, delta: timedelta) -> None:
        row = self.store._rows[job_id]
        told = {name: getattr(row.job, name) for name in TIMES}
        row.job = replace(row.job, **{name: at - delta for name, at in told.items() if at})

    async def age_letters(self, delta: timedelta) -> None:
        kept = self.store.dead_letters._kept
        for letter_id, letter in kept.items():
            handled = letter.handled_at and letter.handled_at - delta
            kept[letter_id] = replace(letter, created_at=letter.created_at - delta, handled_at=handled)

    async def age_watched(self, delta: timedelta) -> None:
        seen = self.workers._seen
        self.workers._seen = {name: (state, began - delta, at - delta) for name, (state, began, at) in seen.items()}
        samples = [replace(one, at=one.at - delta) for one in self.workers._samples.values()]
        self.workers._samples = {(one.at, one.topic, one.partition): one for one in samples}

    async def forget_last_rates(self) -> None:
        last = max(at for _, at, _ in self.rates._known)
        self.rates._known = {key: rate for key, rate in self.rates._known.items() if key[1] < last}

    async def publish(self) -> None:
        self.store.outbox.clear()

    async def outbox(self) -> Sequence[OutgoingRecord]:
        return self.store.outbox

    async def letters(self) -> Sequence[KeptLetter]:
        return [
            KeptLetter(x.topic, x.partition, x.offset, x.stage, x.job_id, x.error_class) for x in self.store.letters
        ]

    async def hidden(self) -> Mapping[UUID, Hidden]:
        rows = self.store._rows.items()
        return {i: Hidden(row.owner, row.lease_until, row.crashes) for i, row in rows}

    async def clear(self) -> None:
        self._start()


class PostgresDriver:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.store = PostgresJobStore(engine)
        self.counties = PostgresCounties(engine)
        self.pauses = PostgresPauses(engine)
        self.retention = PostgresRetention(engine)
        self.workers, self.rates = PostgresWorkers(engine), PostgresRates(engine)

    async def pass_time(self, delta: timedelta) -> None:
        sooner = {name: jobs.c[name] - delta for name in ("lease_until", "run_after", "deadline", "queue_at")}
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.status.not_in(sorted(TERMINAL))).values(sooner))

    def rule(self, rules: QueueRules) -> None:
        self.store = PostgresJobStore(self._engine, queue=rules)

    async def load(self, county_id: str, version: str, *uris: str) -> None:
        async with self._engine.begin() as connection:
            known = select(func.count()).where(county_profiles.c.county_id == county_id)
            if not (await connection.execute(known)).scalar_one():
                await connection.execute(insert(county_profiles).values(county_id=county_id, profile={}))
            of_county = data_versions.c.county_id == county_id
            await connection.execute(update(data_versions).where(of_county).values(current=False))
            told = {"current": True, "created_at": func.clock_timestamp()}
            values = {"county_id": county_id, "data_version": version, "profile": {}, "sales": 1, **_located(*uris)}
            statement = upsert(data_versions).values(**values, **told)
            key = ["county_id", "data_version"]
            await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=told))

    async def age_versions(self, delta: timedelta) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(update(data_versions).values(created_at=data_versions.c.created_at - delta))

    async def age(self, job_id: UUID, delta: timedelta) -> None:
        older = {name: jobs.c[name] - delta for name in TIMES}
        async with self._engine.begin() as connection:
            await connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(older))

    async def age_watched(self, delta: timedelta) -> None:
        async with self._engine.begin() as connection:
            seen = {name: workers.c[name] - delta for name in ("seen_at", "started_at")}
            await connection.execute(update(workers).values(seen))
            await connection.execute(update(lag_samples).values(at=lag_samples.c.at - delta))

    async def forget_last_rates(self) -> None:
        last = select(func.max(job_rates.c.at)).scalar_subquery()
        async with self._engine.begin() as connection:
            await connection.execute(delete(job_rates).where(job_rates.c.at == last))

    async def age_letters(self, delta: timedelta) -> None:
        older = {name: dead_letters.c[name] - delta for name in ("created_at", "handled_at")}
        async with self._engine.begin() as connection:
            await connection.execute(update(dead_letters).values(older))

    async def age_outbox(self, delta: timedelta) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(update(outbox).values(created_at=outbox.c.created_at - delta))

    async def publish(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(outbox))

    async def outbox(self) -> Sequence[OutgoingRecord]:
        async with connected(single_statements(self._engine)) as connection:
            entries = await PostgresOutboxLeader(connection).read(1_000_000)
        return [record for _, entry in entries for record in entry]

    async def letters(self) -> Sequence[KeptLetter]:
        columns = (dead_letters.c[name] for name in KeptLetter.__dataclass_fields__)
        async with self._engine.begin() as connection:
            return [KeptLetter(*row) for row in await connection.execute(select(*columns).order_by(dead_letters.c.id))]

    async def hidden(self) -> Mapping[UUID, Hidden]:
        columns = (jobs.c[name] for name in Hidden.__dataclass_fields__)
        async with self._engine.begin() as connection:
            rows = await connection.execute(select(jobs.c.job_id, *columns))
            return {job_id: Hidden(*row) for job_id, *row in rows}

    async def clear(self) -> None:
        async with self._engine.begin() as connection:
            for table in (
                jobs,
                job_attempts,
                job_logs,
                outbox,
                dead_letters,
                data_versions,
                county_profiles,
                pauses,
                county_turns,
                workers,
                lag_samples,
                job_rates,
            ):
                await connection.execute(delete(table))


def _located(sales: str = "file:///nowhere", *others: str) -> dict[str, str | None]:
    return dict(zip_longest(("snapshot_uri", "properties_uri", "listings_uri"), (sales, *others)))


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
