"""Connections that fall silent without an end: one statement's time is what that costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.wire import Wire

from models.jobs import NewJob
from models.queue import Limits
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.postgres.engine import make_engine, transaction
from terrafusion.bootstrap.stores import LEAST_HEART_S, Stores
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Offer
from terrafusion.settings import Settings
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.lease_keeping import LeaseKeeper

LIMIT_S = 1.0
LEASE_S = 8.0


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    async with Wire(make_url(database_url).port or 0) as wire:
        yield wire


@pytest.fixture
def url(database_url: str, wire: Wire) -> URL:
    return make_url(database_url).set(port=wire.port)


async def ask(engine: AsyncEngine, seconds: float = 0) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text(f"SELECT pg_sleep({seconds})"))


async def test_after_one_statement_without_answer_no_silent_connection_is_used(url: URL, wire: Wire) -> None:
    engine = make_engine(url, connections=4, statement_s=LIMIT_S)
    await asyncio.gather(*(ask(engine, 0.1) for _ in range(4)))
    wire.silence()
    with pytest.raises(Unavailable):
        await ask(engine)
    await ask(engine)
    await engine.dispose()


@pytest.fixture
async def stores(url: URL, wire: Wire, tmp_path: Path) -> AsyncIterator[Stores]:
    settings = Settings(
        data_dir=tmp_path, lease_seconds=LEASE_S, database_url=url.render_as_string(hide_password=False)
    )
    made = Stores.of(settings, sender="me")
    yield made
    await wire.end()
    for engine in made.engines:
        await engine.dispose()


@pytest.fixture
async def heart(stores: Stores) -> LeaseKeeper:
    """A heart that has beaten for the job that it holds."""
    held = HeldJobs(Metrics(CollectorRegistry(), ["noop"]), AsyncBell())
    limits = Limits(owner="me", slots=1, lease=timedelta(seconds=LEASE_S), job_timeout_s=600, max_crashes=3)
    made = LeaseKeeper(limits=limits, jobs=stores.leases, held=held, relay_bell=AsyncBell(), monotonic=time.monotonic)
    job = NewJob(job_id=uuid4(), analysis_type="noop", county_id="king_wa", parameters={}, digest="d")
    await stores.jobs.accept([Offer(job)])
    held.take(await stores.jobs.claim("me", slots=1, weights={}, lease=limits.lease), asked_at=time.monotonic())
    await made.beat()
    return made


async def test_a_heart_whose_connection_fell_silent_renews_in_time(heart: LeaseKeeper, wire: Wire) -> None:
    wire.silence()
    with pytest.raises(Unavailable):
        await heart.beat()
    heart.guard()
    assert len(heart.held) == 1
    await heart.beat()


async def test_no_renewal_waits_for_what_hears_of_cancellations(heart: LeaseKeeper, wire: Wire) -> None:
    wire.silence()
    hearing = asyncio.create_task(heart.stop_cancelled())
    await asyncio.sleep(0.1)
    async with asyncio.timeout(LEAST_HEART_S - 0.2):
        await heart.beat()
    with pytest.raises(Unavailable):
        await hearing
