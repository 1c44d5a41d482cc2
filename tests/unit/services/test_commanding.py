"""Commands one after another: acknowledged in order, none held up by one that waits, none waiting for ever."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.records import IncomingRecord
from terrafusion.errors import Unavailable
from terrafusion.services.commanding import AGAIN_S, LONGEST_S, MOST_PATIENT, PATIENCE_S, Orders
from terrafusion.services.intake import Arrival

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Commands:
    """Done with at once are commands whose request is there; the others are given up when one is impatient."""

    def __init__(self):
        self.known, self.done, self.given_up = set(), [], []
        self.away = 0

    async def take(self, record, *, patient):
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        place = (record.partition, record.offset)
        if place not in self.known and patient:
            return False
        (self.done if place in self.known else self.given_up).append(place)
        return True


class World:
    def __init__(self):
        self.commands, self.now, self.behind_s = Commands(), 0.0, 0.0
        self.orders = Orders(self.commands, taken_until=lambda: self.now - self.behind_s, monotonic=lambda: self.now)
        self.acknowledged = defaultdict(list)
        self.offsets = defaultdict(int)
        self.generation = 0

    async def send(self, partition=0, *, known=True):
        offset = self.offsets[partition]
        self.offsets[partition] += 1
        if known:
            self.commands.known.add((partition, offset))
        record = IncomingRecord("commands", partition, offset, NOW, None, b"", ())
        generation = self.generation

        def is_ours():
            return self.generation == generation

        def acknowledge():
            if is_ours():
                self.acknowledged[partition].append(offset)

        await self.orders.take(Arrival(record, is_ours, acknowledge))
        return partition, offset

    async def pass_time(self, seconds):
        self.now += seconds
        await self.orders.again()


@pytest.fixture
def world():
    return World()


async def test_one_that_waits_holds_up_the_acknowledgement_of_those_behind_it_alone(world):
    await world.send()
    waiting = await world.send(known=False)
    behind, elsewhere = await world.send(), await world.send(1)
    assert world.commands.done == [(0, 0), behind, elsewhere]
    assert world.acknowledged == {0: [0], 1: [0]}
    world.commands.known.add(waiting)
    await world.pass_time(AGAIN_S)
    assert world.acknowledged[0] == [0, 1, 2]
    assert world.commands.given_up == []


async def test_one_is_given_up_when_its_time_is_over_and_not_before(world):
    waiting = await world.send(known=False)
    await world.pass_time(PATIENCE_S - 0.1)
    assert (world.commands.given_up, world.acknowledged[0]) == ([], [])
    await world.pass_time(0.1)
    assert (world.commands.given_up, world.acknowledged[0]) == ([waiting], [0])


async def test_while_requests_that_were_sent_before_it_are_not_taken_it_waits(world):
    waiting = await world.send(known=False)
    sent_at = world.now
    world.behind_s = 3 * PATIENCE_S
    await world.pass_time(3 * PATIENCE_S - 0.1)
    assert (world.commands.given_up, world.acknowledged[0]) == ([], [])
    world.behind_s = world.now - sent_at
    await world.pass_time(0)
    assert (world.commands.given_up, world.acknowledged[0]) == ([waiting], [0])


async def test_it_finds_a_job_whose_request_was_taken_late(world):
    waiting = await world.send(known=False)
    world.behind_s = math.inf
    await world.pass_time(LONGEST_S - 0.1)
    world.commands.known.add(waiting)
    world.behind_s = 0
    await world.pass_time(AGAIN_S)
    assert (world.commands.done, world.commands.given_up) == ([waiting], [])


async def test_one_that_waits_long_is_tried_ever_more_seldom(world):
    await world.send(known=False)
    world.behind_s = math.inf
    tries = []
    take = world.commands.take

    async def counted(record, *, patient):
        tries.append(world.now)
        return await take(record, patient=patient)

    world.commands.take = counted
    while world.now < LONGEST_S - AGAIN_S:
        await world.pass_time(AGAIN_S)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert max(pauses[:8]) <= 2 * AGAIN_S
    assert 10 * AGAIN_S < pauses[-1] <= LONGEST_S / 10 + AGAIN_S
    assert len(tries) < LONGEST_S / AGAIN_S / 8


async def test_where_requests_are_never_taken_it_does_not_wait_for_ever(world):
    waiting = await world.send(known=False)
    world.behind_s = math.inf
    await world.pass_time(LONGEST_S)
    assert (world.commands.given_up, world.acknowledged[0]) == ([waiting], [0])


async def test_of_too_many_the_oldest_are_given_up(world):
    places = []
    for _ in range(MOST_PATIENT + 3):
        places.append(await world.send(known=False))
        world.now += 0.001
    await world.pass_time(AGAIN_S)
    assert world.commands.given_up == places[:3]
    assert world.acknowledged[0] == [0, 1, 2]


async def test_while_the_store_is_away_it_is_tried_until_it_is_done(world):
    world.commands.away = 2
    await world.send()
    assert world.acknowledged[0] == [0]


async def test_what_another_has_by_now_is_dropped_and_holds_up_nothing(world):
    stale = [await world.send(known=False) for _ in range(2)]
    world.generation += 1
    world.commands.known.update(stale)
    await world.pass_time(AGAIN_S)
    ours = await world.send()
    assert (world.commands.done, world.commands.given_up) == ([ours], [])
    assert world.acknowledged[0] == [2]


async def test_what_is_dealt_to_another_while_the_store_is_away_is_not_begun_again(world):
    world.commands.away = 1
    take = world.commands.take

    async def dealt_anew(record, *, patient):
        world.generation += 1
        return await take(record, patient=patient)

    world.commands.take = dealt_anew
    await world.send()
    assert (world.commands.done, world.acknowledged) == ([], {})


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["known", "late", "never"])), max_size=40))
async def test_whatever_comes_is_acknowledged_once_in_order_and_never_before_it_is_done(sent):
    world, late = World(), []
    for partition, kind in sent:
        place = await world.send(partition, known=kind == "known")
        if kind == "late":
            late.append(place)
        check(world)
    world.commands.known.update(late)
    for seconds in (AGAIN_S, PATIENCE_S):
        await world.pass_time(seconds)
        check(world)
    assert world.acknowledged == {p: list(range(n)) for p, n in world.offsets.items()}
    assert len(world.commands.given_up) == sum(kind == "never" for _, kind in sent)


def check(world):
    finished = {*world.commands.done, *world.commands.given_up}
    for partition, offsets in world.acknowledged.items():
        assert offsets == list(range(len(offsets)))
        assert all((partition, offset) in finished for offset in offsets)
