"""A relay whose Postgres and broker take all the time they may have is slow, and no watchdog ends it."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from models.records import OutgoingRecord
from models.troubles import Part
from terrafusion.adapters.bell import AsyncBell
from terrafusion.bootstrap.stores import RELAY_STATEMENT_S
from terrafusion.metrics import Metrics
from terrafusion.services.relay import Relay
from terrafusion.services.watchdog import LOOK_EVERY_S, Watchdog

CONNECT_S, START_S, PUBLISH_S = 5.0, 17.0, 10.0


class Slow:
    """An outbox and a broker; a watchdog looks while they are waited for."""

    def __init__(self):
        self.now = 0.0
        self.left = 3
        self.ended = []
        metrics = Metrics(CollectorRegistry(), ())
        self.relay = Relay(outbox=self, publisher=self, bell=AsyncBell(), metrics=metrics, monotonic=self.clock)
        self.watchdog = Watchdog(
            looks=[self.relay.look], metrics=metrics, end=None, remember=None, close=None, monotonic=self.clock
        )

    def clock(self):
        return self.now

    async def wait(self, seconds):
        until = self.now + seconds
        while self.now < until:
            self.now += LOOK_EVERY_S
            self.ended.append(await self.watchdog.look())

    @asynccontextmanager
    async def lead(self):
        await self.wait(CONNECT_S + 2 * RELAY_STATEMENT_S)
        yield self

    async def backlog(self):
        await self.wait(RELAY_STATEMENT_S)
        return self.left, 1.0

    async def queued(self):
        await self.wait(RELAY_STATEMENT_S)
        return 0, 0.0

    async def open_letters(self):
        await self.wait(RELAY_STATEMENT_S)
        return {}

    async def start(self):
        await self.wait(START_S)

    async def read(self, _limit):
        await self.wait(2 * RELAY_STATEMENT_S)
        self.left -= 1
        if not self.left:
            self.relay._stopped.set()
        return [(self.left, [OutgoingRecord("status", b"k", b"v", ())])]

    async def publish(self, _records):
        await self.wait(PUBLISH_S)

    async def forget(self, *_):
        await self.wait(RELAY_STATEMENT_S)
        return 0


@pytest.fixture
def slow():
    return Slow()


async def test_a_slow_relay_is_not_ended(slow):
    slow.relay._signs += 1
    await slow.relay._lead()
    assert slow.left == 0
    assert set(slow.ended) == {None}


async def test_one_that_waits_for_ever_is(slow):
    await slow.wait(40)
    assert [trouble.part for trouble in slow.ended if trouble][:1] == [Part.RELAY]
