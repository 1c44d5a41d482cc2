"""A loop that something cancelled is missed, for mode ends it without a word; so is one for which nothing comes any more."""

from __future__ import annotations

import asyncio

import pytest
from mode import Service
from prometheus_client import CollectorRegistry

from models.troubles import Part
from terrafusion.metrics import Metrics
from terrafusion.services.loops import LONGEST_S, STILL_S, Loops
from terrafusion.services.purger import Purger
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


async def begun(service):
    await service.start()
    await settled()


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def watch(clock):
    """Make a watchdog over the loops of these services."""

    def watch(*services):
        looks = [Loops(services).look]
        metrics = Metrics(CollectorRegistry(), ())
        return Watchdog(looks=looks, metrics=metrics, end=None, remember=None, close=None, monotonic=clock)

    return watch


async def test_a_loop_that_ended_ends_the_worker(service, clock, watch):
    watchdog = watch(service)
    await begun(service)
    assert await seen_for(watchdog, clock, 2 * PATIENCE_S) is None
    service.stray.set()
    await settled()
    assert await seen_for(watchdog, clock, PATIENCE_S) is None
    ending = await seen_for(watchdog, clock, LOOK_EVERY_S)
    assert (ending.part, ending.reason) == (Part.SERVICE, "a loop of Two has ended")


async def test_a_service_that_has_not_begun_or_stops_is_not_blamed(service):
    look = Loops([service]).look
    assert await look() == []
    await begun(service)
    assert len(await look()) == 2
    await service.stop()
    assert await look() == []


class Waiting(Service):
    """Waits for the same thing all the time, in a task of its own."""

    @Service.task
    async def _run(self):
        await asyncio.ensure_future(self._wait())

    async def _wait(self):
        await self.wait_for_stopped()


async def test_a_loop_that_waits_for_the_same_thing_for_long_ends_the_worker(clock, watch):
    service = Waiting()
    watchdog = watch(service)
    await begun(service)
    assert await seen_for(watchdog, clock, STILL_S) is None
    ending = await seen_for(watchdog, clock, LOOK_EVERY_S)
    await service.stop()
    assert ending.part is Part.SERVICE
    assert ending.reason.startswith("a loop of Waiting stands still in Waiting._run > Waiting._wait")


async def test_a_loop_that_goes_round_goes_on_however_rarely_it_is_looked_at(clock, watch):
    service = Turning()
    watchdog = watch(service)
    await begun(service)
    for _ in range(int(2 * STILL_S / LOOK_EVERY_S)):
        service.turn.set()
        await settled()
        assert await seen_for(watchdog, clock, LOOK_EVERY_S) is None
    await service.stop()


class Turning(Service):
    """Waits for one thing after the other."""

    def __init__(self):
        super().__init__()
        self.turn = asyncio.Event()

    @Service.task
    async def _run(self):
        while not self.should_stop:
            await self.turn.wait()
            self.turn.clear()


async def test_time_in_which_the_process_was_stopped_counts_for_no_loop(clock, watch):
    service = Waiting()
    watchdog = watch(service)
    await begun(service)
    assert await seen_for(watchdog, clock, STILL_S / 2) is None
    clock.now += 10 * STILL_S
    assert await seen_for(watchdog, clock, STILL_S / 2 - LOOK_EVERY_S) is None
    assert await seen_for(watchdog, clock, 2 * LOOK_EVERY_S) is not None
    await service.stop()


async def test_who_rests_for_an_hour_is_given_longer(clock, watch):
    service = Purger(None, is_leader=lambda: False)
    watchdog = watch(service)
    await begun(service)
    assert await seen_for(watchdog, clock, LONGEST_S[Purger]) is None
    assert await seen_for(watchdog, clock, LOOK_EVERY_S) is not None
    await service.stop()
