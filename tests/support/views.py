"""What the views stand on in tests: fakes of their ports, and a world of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, Field

from models.attempts import AttemptLog, LogLine
from models.group import Dealt
from models.jobs import FailureReason, Finish, Job, JobStatus, NewJob, Origin
from models.messages import AnalysisRequest, JobStatusChanged
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.memory.pauses import MemoryPauses
from terrafusion.adapters.memory.rates import MemoryRates
from terrafusion.adapters.memory.workers import MemoryWorkers
from terrafusion.analysis.api import Analysis, Answer
from terrafusion.analysis.registry import Catalogue
from terrafusion.errors import Conflict, Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.counties import Coverage
from terrafusion.ports.documents import ResultBytes
from terrafusion.ports.health import Check
from terrafusion.ports.jobs import Offer
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.backpressure import Room
from terrafusion.usecases.bulk import Bulk
from terrafusion.usecases.calls import caller
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.dead_letters import DeadLetterOffice
from terrafusion.usecases.pauses import KnownPauses
from terrafusion.usecases.producers import EVERY_PRODUCER
from terrafusion.usecases.scoped_reads import SeenJobs
from terrafusion.usecases.waiting import Waiting
from terrafusion.web import WebDeps
from terrafusion.web.bodies import event_of
from terrafusion.web.door import Door

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class TrendParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    period: Literal["month", "year"] = "month"
    min_sales: int = Field(10, ge=1)


NOBODY = Dealt("Stable", frozenset(), frozenset(), {}, {})
CATALOGUE = Catalogue(
    [
        Analysis(
            name="price_trend_by_zip",
            question="How did prices move in each <ZIP>?",
            parameters=TrendParameters,
            compute=lambda records, parameters, progress: Answer({}),
            needs=("sale_price", "zip_code"),
            aliases=("simulated_price_trends",),
        )
    ]
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return (self.now - NOW).total_seconds()

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Store(MemoryJobStore):
    """The job store's fake, with a switch that makes it unreachable."""

    away = False
    silent = False

    async def get(self, job_id: UUID, **named: Any) -> Job | None:
        self._reach()
        if self.silent:
            await asyncio.sleep(60)
        return await super().get(job_id, **named)

    async def page(self, *arguments: Any, **named: Any) -> Any:
        self._reach()
        return await super().page(*arguments, **named)

    async def counts(self, *arguments: Any, **named: Any) -> Mapping[JobStatus, int]:
        self._reach()
        return await super().counts(*arguments, **named)

    async def changed(self, *arguments: Any, **named: Any) -> Any:
        self._reach()
        return await super().changed(*arguments, **named)

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("connection to postgresql://user:hunter2@db refused")


class Live:
    """Entries by id, and a queue for each follower."""

    def __init__(self) -> None:
        self.entries: dict[UUID, JobStatusChanged] = {}
        self.followers: list[tuple[UUID | None, asyncio.Queue[JobStatusChanged]]] = []
        self._changed = asyncio.Condition()

    def get(self, job_id: UUID) -> JobStatusChanged | None:
        return self.entries.get(job_id)

    def tell(self, event: JobStatusChanged) -> None:
        self.entries[event.job_id] = event
        for wanted, queue in self.followers:
            if wanted in (None, event.job_id):
                queue.put_nowait(event)

    @asynccontextmanager
    async def follow(self, job_id: UUID | None = None) -> AsyncIterator[AsyncIterator[JobStatusChanged]]:
        follower = (job_id, asyncio.Queue[JobStatusChanged]())
        self.followers.append(follower)
        await self._tell_changed()
        try:
            yield Drain(follower[1])
        finally:
            self.followers.remove(follower)
            await self._tell_changed()

    async def followed_by(self, many: int) -> None:
        """Wait until there are so many followers."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: len(self.followers) == many)

    async def _tell_changed(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Drain:
    """What a queue holds; waiting for it may be broken off and begun again."""

    def __init__(self, queue: asyncio.Queue[JobStatusChanged]) -> None:
        self._queue = queue

    def __aiter__(self) -> Drain:
        return self

    async def __anext__(self) -> JobStatusChanged:
        return await self._queue.get()


class Documents:
    def __init__(self) -> None:
        self.held: dict[str, Mapping[str, Any]] = {}
        self.files: dict[str, Path] = {}
        self.away = False

    async def read(self, location: str) -> Mapping[str, Any] | None:
        if self.away:
            raise Unavailable("bucket secret-bucket cannot be reached")
        return self.held.get(location)

    async def stream(self, location: str) -> ResultBytes:
        data = (await self.local(location)).read_bytes()
        return ResultBytes(len(data), _in_pieces(data))

    async def local(self, location: str) -> Path:
        if self.away:
            raise Unavailable("bucket secret-bucket cannot be reached")
        return self.files[location]


async def _in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), 100):
        yield data[begin : begin + 100]


class ColumnsFake:
    def __init__(self) -> None:
        self.held: dict[str, Coverage] = {}

    async def of(self, location: str) -> Coverage:
        if location not in self.held:
            raise Unavailable("bucket secret-bucket cannot be reached")
        return self.held[location]


class Health:
    def __init__(self) -> None:
        self.process = Check(ok=True, detail="the loop turns")
        self.services: dict[str, Check] = {"postgres": Check(ok=True, detail="answers")}
        self.hangs = False

    def alive(self) -> Check:
        return self.process

    async def checks(self) -> Mapping[str, Check]:
        if self.hangs:
            await asyncio.sleep(60)
        return self.services


@dataclass
class Submit:
    """Accepts into the store; a refusal to raise instead may be set."""

    store: Store
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    refusal: Exception | None = None

    async def __call__(self, request: AnalysisRequest, **said: str | None) -> Job:
        self.calls.append({"request": request, **said})
        if self.refusal:
            raise self.refusal
        new = NewJob(
            job_id=request.job_id or uuid4(),
            analysis_type=request.analysis_type,
            county_id=request.county_id,
            parameters=request.parameters,
            digest="digest",
            priority=request.priority,
            correlation_id=request.correlation_id,
            requested_by=said["requested_by"],
        )
        if (await self.store.accept([Offer(new)])).conflicting:
            raise Conflict(f"job_id {new.job_id} stands for another request already", field="job_id")
        job = await self.store.get(new.job_id)
        assert job is not None
        return job


@dataclass
class World:
    """Everything behind the views, to be arranged by a test."""

    clock: Clock
    store: Store
    live: Live
    documents: Documents
    health: Health
    submit: Submit
    counties: MemoryCounties
    registry: CollectorRegistry
    pauses: MemoryPauses
    workers: MemoryWorkers
    rates: MemoryRates
    columns: ColumnsFake = field(default_factory=ColumnsFake)
    dealt: Dealt | None = NOBODY
    limit: int | None = None
    """How many jobs of a county may run."""
    max_pending: int = 1_000_000
    door: Door | None = None

    def __post_init__(self) -> None:
        self.log = self.store.deeds

    def deps(self) -> WebDeps:
        metrics = Metrics(CollectorRegistry(), CATALOGUE.names)
        known = KnownCounties(self.counties, metrics)
        pauses = KnownPauses(self.pauses, metrics, self.clock.seconds)
        room = Room(self.store, self.max_pending, pauses=pauses, monotonic=self.clock.seconds)
        shared: dict[str, Any] = {"jobs": self.store, "counties": known, "catalogue": CATALOGUE, "metrics": metrics}
        shared |= {"caller": caller, "producers": EVERY_PRODUCER}
        accept = Accept(**shared, on_accepted=lambda: None)
        commands = Commands(**shared, accept=accept, pauses=pauses, on_moved=lambda: None, now=self.clock)
        self.accepting = accept
        return WebDeps(
            letters=self.store.dead_letters,
            office=DeadLetterOffice(
                letters=self.store.dead_letters,
                jobs=self.store,
                submit=accept.submit,
                execute=commands.execute,
                metrics=metrics,
                on_told=lambda: None,
                now=self.clock,
                caller=caller,
            ),
            commands=commands,
            bulk=Bulk(
                jobs=SeenJobs(self.store),
                history=self.store,
                orders=commands,
                room=room,
                now=self.clock,
                monotonic=self.clock.seconds,
            ),
            pauses=pauses,
            room=room,
            waiting=Waiting(
                jobs=self.store,
                pauses=pauses,
                max_running_per_county=self.limit,
                now=self.clock,
                monotonic=self.clock.seconds,
            ),
            store=self.store,
            history=self.store,
            counties=self.counties,
            columns=self.columns,
            workers=self.workers,
            rates=self.rates,
            group=lambda: self.dealt,
            live=self.live,
            documents=self.documents,
            catalogue=CATALOGUE,
            submit=self.submit,
            health=self.health,
            registry=self.registry,
            log=self.log,
            door=self.door,
            now=self.clock,
        )

    async def accept(self, **fields: Any) -> UUID:
        """Put a job into the store, a second after the one before."""
        self.clock.tick(1)
        given = {
            "job_id": uuid4(),
            "analysis_type": "price_trend_by_zip",
            "county_id": "king_wa",
            "parameters": {"period": "month"},
            "digest": "digest",
            "origin": Origin("market-analysis.requests.v1", 3, 42),
        }
        job = NewJob(**(given | fields))
        await self.store.accept([Offer(job)])
        return job.job_id

    async def start(self) -> None:
        """Give every waiting job to a worker."""
        self.clock.tick(2)
        await self.store.claim("worker", slots=1000, weights={}, lease=timedelta(hours=1))

    async def complete(self, job_id: UUID, document: Mapping[str, Any], *, kept: bool = True) -> None:
        """Finish a waiting job with a document, ``kept`` in a file or as its summary alone."""
        await self.start()
        self.clock.tick(3)
        location = f"file:///results/{job_id}.parquet" if kept else None
        if location:
            self.documents.held[location] = document
        summary = document["result_summary"]
        done = Finish(
            job_id=job_id,
            attempt=1,
            message="Done",
            result_summary=summary,
            result_data_location=location,
            result_sha256="ab" * 32 if kept else None,
        )
        await self.store.finish([done])

    async def fail(self, job_id: UUID, message: str) -> None:
        """Fail a waiting job."""
        await self.start()
        reason = FailureReason.PROCESSING_EXCEPTION
        await self.store.finish([Finish(job_id=job_id, attempt=1, message=message, failure_reason=reason)])

    async def logged(self, job_id: UUID, text: str) -> None:
        """Have a line logged for a job's first attempt."""
        line = LogLine(self.clock.now, "info", text)
        await self.store.keep_logs([AttemptLog(job_id=job_id, attempt=1, lines=[line])])

    async def event(self, job_id: UUID, **changes: Any) -> JobStatusChanged:
        """Tell a job's row as an event, with changes."""
        job = await self.store.get(job_id)
        assert job is not None
        return event_of(replace(job, **changes))
