"""A store under test with the hands and eyes of a test: what the port does not offer is done here, once for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Protocol
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from models.county_tables import county_profiles, data_versions
from models.jobs import TERMINAL
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
from terrafusion.adapters.postgres.outbox import PostgresOutboxLeader
from terrafusion.adapters.postgres.pausing import PostgresPauses
from terrafusion.adapters.postgres.rates import PostgresRates
from terrafusion.adapters.postgres.retention import PostgresRetention
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.adapters.postgres.watching import PostgresWorkers
from terrafusion.ports.counties import Counties, DataVersion
from terrafusion.ports.jobs import JobStore
from terrafusion.ports.monitoring import Rates, Workers
from terrafusion.ports.pauses import Pauses
from terrafusion.ports.retention import Retention

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
        """Read all of it as a relay does, and take back that it was forgotten."""
        records: list[OutgoingRecord] = []
        async with self._engine.connect() as connection:
            leader = PostgresOutboxLeader(connection)
            while entries := await leader.read(1000):
                records += [record for _, entry in entries for record in entry]
                await leader.forget([entry_id for entry_id, _ in entries])
            await connection.rollback()
        return records

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
