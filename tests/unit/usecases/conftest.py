"""The use cases over fakes of their ports, put together as a worker puts them together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry
from support.counties import version_of

from models.access import anybody
from models.jobs import FailureReason, Finish, Job, NewJob
from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.memory.pauses import MemoryPauses
from terrafusion.analysis.registry import load_catalogue
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Offer
from terrafusion.usecases.accept import Accept
from terrafusion.usecases.commands import Commands
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.pauses import KnownPauses
from terrafusion.usecases.producers import EVERY_PRODUCER

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return (self.now - BEGAN).total_seconds()

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Pauses(MemoryPauses):
    """Counts how often it is asked, and may be out of reach."""

    asked = 0
    away = False

    async def all(self) -> Any:
        self.asked += 1
        if self.away:
            raise Unavailable("away")
        return await super().all()


@dataclass
class Office:
    """Everything behind the commands, to be arranged by a test."""

    clock: Clock = field(default_factory=Clock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    rung: int = 0

    def __post_init__(self) -> None:
        catalogue = load_catalogue()
        self.metrics = Metrics(self.registry, catalogue.names)
        self.stored_counties = MemoryCounties([version_of("king_wa"), version_of("lucas_oh")])
        self.stored_pauses = Pauses(clock=self.clock)
        self.store = MemoryJobStore(clock=self.clock, counties=self.stored_counties, pauses=self.stored_pauses)
        self.pauses = KnownPauses(self.stored_pauses, self.metrics, self.clock.seconds)
        shared: dict[str, Any] = {
            "jobs": self.store,
            "counties": KnownCounties(self.stored_counties, self.metrics),
            "catalogue": catalogue,
            "metrics": self.metrics,
            "caller": anybody,
            "producers": EVERY_PRODUCER,
        }
        self.accept = Accept(**shared, on_accepted=self.ring)
        self.commands = Commands(**shared, accept=self.accept, pauses=self.pauses, on_moved=self.ring, now=self.clock)

    def ring(self) -> None:
        self.rung += 1

    async def waiting(self, **fields: Any) -> UUID:
        given = {"analysis_type": "price_trend_by_zip", "county_id": "king_wa", "parameters": {}, "digest": "d"}
        job = NewJob(**{"job_id": uuid4(), **given, **fields})
        await self.store.accept([Offer(job)])
        return job.job_id

    async def running(self, **fields: Any) -> UUID:
        job_id = await self.waiting(**fields)
        await self.store.claim("worker", slots=100, weights={}, lease=timedelta(hours=1))
        return job_id

    async def ended(self, reason: FailureReason | None = None, **fields: Any) -> UUID:
        job_id = await self.running(**fields)
        await self.store.finish([Finish(job_id=job_id, attempt=1, message="Done", failure_reason=reason)])
        return job_id

    async def look(self, job_id: UUID) -> Job:
        job = await self.store.get(job_id)
        assert job is not None
        return job

    def counted(self, command: str, outcome: str) -> float:
        labels = {"command": command, "outcome": outcome}
        return self.registry.get_sample_value("terrafusion_commands_total", labels) or 0


@pytest.fixture
def office() -> Office:
    return Office()
