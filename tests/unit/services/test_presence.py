"""What a worker says of itself and when; what becomes of jobs is put together by the one that leads."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from models.group import Dealt
from models.rates import Width
from models.workers import Presence, WorkerState
from terrafusion.errors import Unavailable
from terrafusion.services import rating
from terrafusion.services.presence import SAMPLE_EVERY_S, Presenting
from terrafusion.services.rating import Rating

PLACE = ("market-analysis.requests.v1", 3)
DEALT = Dealt("Stable", frozenset({"m"}), frozenset(), {PLACE: 40}, {PLACE: 57})
STATE = WorkerState(
    worker_id="w",
    host="h",
    pid=1,
    version="1",
    address="127.0.0.1:1",
    slots=2,
    in_flight=1,
    children=2,
    has_pool=True,
    leads=True,
    partitions={PLACE[0]: [3]},
)


class Workers:
    def __init__(self) -> None:
        self.said: list[WorkerState] = []
        self.sampled: list[Any] = []
        self.away = False
        self.silent = False

    async def beat(self, state: WorkerState) -> None:
        if self.silent:
            await asyncio.sleep(60)
        if self.away:
            raise Unavailable("Postgres is away")
        self.said.append(state)

    async def sample(self, lags: Any) -> None:
        self.sampled.append(lags)


class World:
    def __init__(self) -> None:
        self.workers = Workers()
        self.now = 0.0
        self.dealt: Dealt | None = DEALT
        stores: Any = self.workers
        self.service = Presenting(stores, describe=lambda: STATE, dealt=lambda: self.dealt, monotonic=lambda: self.now)


async def test_it_says_how_it_is_and_each_minute_how_far_the_group_is_behind() -> None:
    world = World()
    for now in (0.0, SAMPLE_EVERY_S - 1, SAMPLE_EVERY_S):
        world.now = now
        await world.service.once()
    assert world.workers.said == [STATE] * 3
    assert world.workers.sampled == [{PLACE: 17}] * 2


async def test_of_a_group_that_the_broker_does_not_tell_it_samples_nothing() -> None:
    world = World()
    world.dealt = None
    await world.service.once()
    assert (len(world.workers.said), world.workers.sampled) == (1, [])


async def test_while_postgres_is_away_it_goes_on() -> None:
    world = World()
    world.workers.away = True
    await world.service.once()
    world.workers.away = False
    await world.service.once()
    assert world.workers.said == [STATE]


@pytest.mark.parametrize(("away", "silent"), [(False, False), (True, False), (False, True)])
async def test_its_last_word_is_that_it_stopped_if_somebody_hears_it(away: bool, silent: bool) -> None:  # noqa: FBT001
    world = World()
    world.workers.away, world.workers.silent = away, silent
    async with asyncio.timeout(10):
        await world.service.on_shutdown()
    said = [(state.presence, state.partitions, state.leads) for state in world.workers.said]
    assert said == ([] if away or silent else [(Presence.STOPPED, {}, False)])


class Rates:
    def __init__(self) -> None:
        self.rolled: list[Width] = []
        self.away = False
        self.done = asyncio.Event()

    async def roll(self, width: Width) -> None:
        self.rolled.append(width)
        if self.away:
            raise Unavailable("Postgres is away")
        if len(self.rolled) >= len(Width):
            self.done.set()


async def test_rates_are_put_together_by_the_one_that_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rating, "EVERY_S", 0.001)
    rates, leads = Rates(), [False, False, True]
    given: Any = rates
    service = Rating(given, is_leader=lambda: leads.pop(0) if len(leads) > 1 else leads[0])
    await service.start()
    async with asyncio.timeout(30):
        await rates.done.wait()
    await service.stop()
    assert rates.rolled[: len(Width)] == list(Width)


async def test_what_cannot_be_put_together_now_is_left_to_the_next_time() -> None:
    rates = Rates()
    rates.away = True
    given: Any = rates
    await Rating(given, is_leader=lambda: True).once()
    assert rates.rolled == [Width.MINUTE]
