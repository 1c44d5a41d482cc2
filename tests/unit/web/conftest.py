"""The views over fakes of the ports, behind a real HTTP server of Faust's own aiohttp application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from functools import cache
from typing import Any

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, Counter
from support.house import House, opened
from support.views import (
    NOW,
    Clock,
    Documents,
    Health,
    Live,
    Store,
    Submit,
    World,
)

from terrafusion.adapters.memory.counties import MemoryCounties
from terrafusion.adapters.memory.pauses import MemoryPauses
from terrafusion.adapters.memory.rates import MemoryRates
from terrafusion.adapters.memory.workers import MemoryWorkers
from terrafusion.ports.counties import DataVersion
from terrafusion.web import application_options, register, routes
from terrafusion.web.middleware import everybody


@pytest.fixture(scope="package", autouse=True)
def written() -> Iterator[None]:
    """The documents of the addresses and topics, written once: a worker does that when it starts, and here each test is one."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("openapi", "asyncapi"):
            patched.setattr(routes, name, cache(getattr(routes, name)))
        yield


@pytest.fixture
def world() -> World:
    clock = Clock()
    version = DataVersion(
        county_id="king_wa",
        data_version="v1",
        snapshot_uri="s3://private/snapshot",
        profile={},
        sales=43313,
        first_sale=date(2010, 1, 3),
        last_sale=date(2016, 12, 15),
        created_at=NOW,
    )
    counties = MemoryCounties([version])
    pauses = MemoryPauses(clock=clock)
    store = Store(clock=clock, counties=counties, pauses=pauses)
    registry = CollectorRegistry()
    Counter("jobs_seen", "Jobs seen", registry=registry).inc(3)
    return World(
        clock,
        store,
        Live(),
        Documents(),
        Health(),
        Submit(store),
        counties,
        registry,
        pauses,
        MemoryWorkers(clock=clock),
        MemoryRates(store),
    )


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[Any, Any]]:
    app = faust.App(
        "web-test",
        web_application_options=application_options(None, door=everybody),
        web_tables_enabled=False,
        web_router_enabled=False,
    )
    register(app, world.deps())
    async with TestClient(TestServer(await app.web.wsgi())) as client:
        yield client


@pytest.fixture
async def house(world: Any) -> AsyncIterator[House]:
    async for made in opened(world):
        yield made
