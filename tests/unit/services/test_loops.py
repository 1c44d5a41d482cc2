"""A loop that something cancelled is missed: mode ends it without a word, and its service goes on."""

from __future__ import annotations

import asyncio

import pytest
from mode import Service
from prometheus_client import CollectorRegistry

from models.troubles import Part
from terrafusion.metrics import Metrics
from terrafusion.services.loops import Loops
from terrafusion.services.watchdog import LOOK_EVERY_S, PATIENCE_S, Watchdog


class Two(Service):
    """One loop waits, the other is cancelled when it is told."""

    def __init__(self):
        super().__init__()
        self.stray = asyncio.Event()

    @Service.task
    async def _wait(self):
        await self.wait_for_stopped()

    @Service.task
    async def _break(self):
        await self.stray.wait()
        raise asyncio.CancelledError


@pytest.fixture
async def service():
    made = Two()
    yield made
    await made.stop()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


async def seen_for(watchdog, clock, seconds):
    """Look for so long, and return what the last look comes to."""
    for _ in range(int(seconds / LOOK_EVERY_S)):
        clock.now += LOOK_EVERY_S
        found = await watchdog.look()
    return found


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_loop_that_ended_ends_the_worker(service, clock):
    looks = [Loops([service]).look]
    metrics = Metrics(CollectorRegistry(), ())
    watchdog = Watchdog(looks=looks, metrics=metrics, end=None, remember=None, close=None, monotonic=clock)
    await service.start()
    assert await seen_for(watchdog, clock, 2 * PATIENCE_S) is None
    service.stray.set()
    await settled()
    assert await seen_for(watchdog, clock, PATIENCE_S) is None
    ending = await seen_for(watchdog, clock, LOOK_EVERY_S)
    assert (ending.part, ending.reason) == (Part.SERVICE, "a loop of Two has ended")


async def test_a_service_that_has_not_begun_or_stops_is_not_blamed(service):
    look = Loops([service]).look
    assert await look() == []
    await service.start()
    assert await look() == []
    await service.stop()
    assert await look() == []
