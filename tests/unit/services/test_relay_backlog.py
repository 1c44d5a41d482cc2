"""The age of what waits is told also while a broker that is away keeps the relay waiting."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from models.records import OutgoingRecord
from terrafusion.adapters.bell import AsyncBell
from terrafusion.errors import TooLarge, Unavailable
from terrafusion.metrics import Metrics
from terrafusion.services.relay import Relay

AGE, ENTRIES = "terrafusion_outbox_age_seconds", "terrafusion_outbox_entries"
QUEUE_AGE, QUEUE = "terrafusion_queue_age_seconds", "terrafusion_queue_jobs"


class Shelf:
    """Three entries, the oldest of which has waited for 7 s."""

    def __init__(self) -> None:
        self.entries = {number: [OutgoingRecord("status", b"k", b"v", ())] for number in range(3)}

    async def read(self, limit: int) -> Any:
        return list(self.entries.items())[:limit]

    async def backlog(self) -> tuple[int, float]:
        return len(self.entries), 7.0

    async def queued(self) -> tuple[int, float]:
        return 5, 40.0

    async def open_letters(self) -> Any:
        return {}

    async def forget(self, ids: Any, _refused: Any, _reason: str) -> int:
        for entry in ids:
            del self.entries[entry]
        return 0


class Taken:
    """An outbox that another leads."""

    @asynccontextmanager
    async def lead(self) -> Any:
        yield None


class Broker:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.error: Exception | None = None

    async def start(self) -> None: ...

    async def publish(self, _records: Any) -> None:
        await self.answers.wait()
        if self.error:
            raise self.error


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def relay(clock, registry, broker) -> Any:
    return Relay(
        outbox=None, publisher=broker, bell=AsyncBell(), metrics=Metrics(registry, ()), monotonic=lambda: clock[0]
    )


async def test_what_came_since_the_last_look_ages_while_the_broker_is_silent(relay, registry, clock, broker):
    shelf = Shelf()
    emptying = asyncio.create_task(relay.publish_oldest(shelf))
    await asyncio.sleep(0)
    assert (registry.get_sample_value(ENTRIES), registry.get_sample_value(AGE)) == (3.0, 0.0)
    clock[0] += 90
    assert registry.get_sample_value(AGE) == 90.0
    broker.answers.set()
    await emptying
    await relay.publish_oldest(shelf)
    assert (registry.get_sample_value(ENTRIES), registry.get_sample_value(AGE)) == (0.0, 0.0)


async def test_what_was_seen_waiting_keeps_its_age_and_goes_on_ageing(relay, registry, clock, broker):
    shelf = Shelf()
    await relay._tell_backlog(shelf)
    broker.error = Unavailable("no broker")
    broker.answers.set()
    with pytest.raises(Unavailable):
        await relay.publish_oldest(shelf)
    clock[0] += 60
    assert (registry.get_sample_value(ENTRIES), registry.get_sample_value(AGE)) == (3.0, 67.0)


async def test_jobs_that_wait_are_told_by_the_leader_alone_and_their_age_goes_on(relay, registry, clock):
    assert (registry.get_sample_value(QUEUE), registry.get_sample_value(QUEUE_AGE)) == (0.0, 0.0)
    await relay._tell_backlog(Shelf())
    clock[0] += 3
    assert (registry.get_sample_value(QUEUE), registry.get_sample_value(QUEUE_AGE)) == (5.0, 43.0)
    relay._outbox = Taken()
    await relay._lead()
    assert (registry.get_sample_value(QUEUE), registry.get_sample_value(QUEUE_AGE)) == (0.0, 0.0)


async def test_why_it_cannot_go_on_is_said_once_until_it_has(relay):
    with capture_logs() as logs:
        for _ in range(5):
            relay._hindered("no broker")
        for _ in range(5):
            relay._went_on()
        relay._hindered("no broker again")
    told = [entry["event"] for entry in logs]
    assert told == ["relay cannot go on now", "this worker is the relay", "relay cannot go on now"]


async def test_relays_that_take_turns_while_the_broker_is_away_do_not_each_say_so_at_every_turn(relay, clock):
    relay._outbox = Taken()
    with capture_logs() as logs:
        for _ in range(120):
            relay._hindered("no broker")
            await relay._lead()
            clock[0] += 1.0
    assert [entry["event"] for entry in logs] == ["relay cannot go on now"] * 2


async def test_a_sign_comes_with_each_batch(relay, broker):
    broker.answers.set()
    [before] = await relay.look()
    await relay.publish_oldest(Shelf())
    [after] = await relay.look()
    assert before.sign != after.sign


async def test_a_sign_comes_with_each_part_of_a_batch_that_is_halved(relay):
    """Each refusal costs the publisher a new start: many of them last longer than the watchdog's patience."""
    signs = []

    class Strict:
        async def start(self) -> None: ...

        async def publish(self, _records: Any) -> None:
            signs.extend(trouble.sign for trouble in await relay.look())
            raise TooLarge("too large")

    relay._publisher = Strict()
    await relay._publish([OutgoingRecord("status", b"k", b"v", ())] * 8, Shelf())
    assert len(signs) == len(set(signs)) == 15
