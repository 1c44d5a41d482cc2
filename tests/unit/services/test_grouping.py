"""This worker's consumer beside the group: idle, surplus and hindered workers are well, silent ones are not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from models.group import Dealt
from models.troubles import Part
from terrafusion.errors import Unavailable
from terrafusion.metrics import Metrics
from terrafusion.services.grouping import ASK_EVERY_S, GroupWatch

HERE, THERE = ("requests", 0), ("requests", 1)
WELL = Dealt(
    state="Stable",
    members=frozenset({"me", "other"}),
    owned=frozenset({HERE, THERE}),
    committed={HERE: 10, THERE: 20},
    ends={HERE: 10, THERE: 20},
)


class Own:
    member_id = "me"

    def __init__(self):
        self.fault = None
        self.at = {HERE: 10}
        self.rebalance = None

    def error(self):
        return self.fault

    def positions(self):
        return self.at


class Broker:
    def __init__(self):
        self.dealt = WELL

    async def look(self):
        if self.dealt is None:
            raise Unavailable("away")
        return self.dealt

    async def stop(self):
        pass


class World:
    def __init__(self):
        self.own, self.broker, self.registry, self.now, self.open = Own(), Broker(), CollectorRegistry(), 0.0, True
        self.watch = GroupWatch(
            own=self.own,
            group=self.broker,
            metrics=Metrics(self.registry, ()),
            is_open=lambda: self.open,
            monotonic=lambda: self.now,
            waits_for={"commands": "requests"},
        )

    async def look(self):
        self.now += ASK_EVERY_S
        return await self.watch.look()

    def value(self, name, **labels):
        return self.registry.get_sample_value(f"terrafusion_{name}", labels)


@pytest.fixture
def world():
    return World()


async def test_an_idle_worker_is_well(world):
    assert await world.look() == []


async def test_a_surplus_worker_is_well(world):
    world.own.at = {}
    assert await world.look() == []


async def test_a_consumer_that_gave_up_ends_its_worker_at_once(world):
    world.own.fault = "its coordination ended"
    [trouble] = await world.look()
    assert (trouble.part, trouble.ends, trouble.patience) == (Part.CONSUMER, True, 0)


async def test_a_worker_that_the_group_does_not_know_has_to_end(world):
    world.broker.dealt = replace(WELL, members=frozenset({"other"}))
    [trouble] = await world.look()
    assert (trouble.part, trouble.ends, trouble.reason) == (
        Part.CONSUMER,
        True,
        "the group goes on without this worker",
    )


async def test_a_rebalance_that_ended_for_the_group_and_not_here_has_to_end_the_worker(world):
    world.own.rebalance, world.own.at = 3, {}
    [trouble] = await world.look()
    assert (trouble.part, trouble.ends, trouble.sign) == (Part.CONSUMER, True, ("rebalancing", 3))
    world.own.rebalance = None
    assert await world.look() == []


async def test_a_group_that_is_dealt_anew_again_and_again_moves_while_its_members_come_and_go(world):
    signs = []
    for members in ("me",), ("me", "other"), ("me", "third"):
        world.broker.dealt = replace(WELL, state="PreparingRebalance", members=frozenset(members))
        [trouble] = await world.look()
        assert (trouble.part, trouble.ends) == (Part.CONSUMER, True)
        signs.append(trouble.sign)
    await world.look()
    assert len(set(signs)) == 3
    assert [trouble.sign for trouble in await world.look()] == signs[-1:]


async def test_a_position_that_does_not_move_keeps_its_sign_and_one_that_moves_does_not(world):
    world.broker.dealt = replace(WELL, ends={HERE: 12, THERE: 20})
    signs = []
    for at in (10, 10, 11):
        world.own.at = {HERE: at}
        signs.append({trouble.sign for trouble in await world.look() if trouble.part is Part.CONSUMER})
    assert signs[0] == signs[1] == {("requests", 0, 10)}
    assert signs[2] == {("requests", 0, 11)}


async def test_a_partition_of_what_is_told_that_is_read_no_more_ends_its_worker_and_waits_for_nobody(world):
    """Markers of transactions lie there, so it has no lag that could be told."""
    place = ("status", 3)
    world.broker.dealt = replace(WELL, told_ends={place: 7})
    world.own.at = {HERE: 10, place: 5}
    [trouble] = await world.look()
    assert (trouble.part, trouble.ends, trouble.sign) == (Part.CONSUMER, True, ("status", 3, 5))
    world.own.at = {HERE: 10, place: 7}
    for _ in range(10):
        assert await world.look() == []
    assert world.value("consumer_lag_records", topic="status") is None


async def test_what_is_paused_for_want_of_room_is_not_blamed(world):
    world.broker.dealt = replace(WELL, ends={HERE: 12, THERE: 20})
    world.own.at = {}
    assert [t for t in await world.look() if t.part is Part.CONSUMER] == []


async def test_a_partition_that_nobody_takes_is_told_and_ends_nobody(world):
    await world.look()
    world.broker.dealt = replace(WELL, owned=frozenset({HERE}), ends={HERE: 10, THERE: 25})
    [trouble] = await world.look()
    assert (trouble.part, trouble.ends) == (Part.PARTITION, False)
    assert trouble.reason == "records of requests, partition 1, wait: no worker has it"
    assert world.value("partitions_stalled") == 0.0
    assert world.value("consumer_lag_records", topic="requests") == 5.0
    for _ in range(5):
        await world.look()
    assert world.value("partitions_stalled") == 1.0
    world.broker.dealt = replace(WELL, committed={HERE: 10, THERE: 24}, ends={HERE: 10, THERE: 25})
    await world.look()
    assert world.value("partitions_stalled") == 0.0


async def test_a_member_that_does_not_take_its_partition_is_told(world):
    await world.look()
    world.broker.dealt = replace(WELL, ends={HERE: 10, THERE: 25})
    [trouble] = await world.look()
    assert trouble.reason == "records of requests, partition 1, wait: its worker does not take them"


async def test_what_waited_before_the_first_look_waits(world):
    world.broker.dealt = replace(WELL, owned=frozenset(), ends={HERE: 10, THERE: 25})
    [trouble] = await world.look()
    assert (trouble.part, trouble.sign[:2]) == (Part.PARTITION, THERE)


async def test_a_single_record_waits(world):
    world.broker.dealt = replace(WELL, ends={HERE: 10, THERE: 21})
    [trouble] = await world.look()
    assert (trouble.part, trouble.sign) == (Part.PARTITION, (*THERE, 20))


COMMAND = ("commands", 0)


def waiting_command(requests_done: int, **more):
    committed = {HERE: 10, THERE: requests_done, COMMAND: 4}
    return replace(WELL, committed=committed, ends={HERE: 10, THERE: 4000, COMMAND: 5}, **more)


class TestCommandsThatWaitForRequests:
    async def test_while_requests_are_behind_they_may(self, world):
        owned = WELL.owned | {COMMAND}
        for done in range(100, 2000, 100):
            world.broker.dealt = waiting_command(done, owned=owned)
            assert {trouble.sign[0] for trouble in await world.look()} == {"requests"}
        assert world.value("partitions_stalled") == 0.0

    async def test_not_where_nobody_has_their_partition(self, world):
        world.broker.dealt = waiting_command(100)
        assert {trouble.sign[0] for trouble in await world.look()} == {"requests", "commands"}

    async def test_nor_once_requests_are_taken(self, world):
        world.broker.dealt = waiting_command(4000, owned=WELL.owned | {COMMAND})
        for _ in range(7):
            [trouble] = await world.look()
            assert trouble.sign[0] == "commands"
        assert world.value("partitions_stalled") == 1.0


class TestTakenUntil:
    async def test_nothing_is_known_before_a_look(self, world):
        assert world.watch.taken.until("requests") == -math.inf

    async def test_where_nothing_waits_it_is_the_look(self, world):
        for _ in range(3):
            await world.look()
            assert world.watch.taken.until("requests") == world.now

    async def test_what_came_before_a_look_is_taken_once_all_partitions_have_moved_there(self, world):
        world.broker.dealt = replace(WELL, ends={HERE: 12, THERE: 25})
        await world.look()
        looked = world.now
        for committed, until in (({HERE: 12, THERE: 24}, -math.inf), ({HERE: 12, THERE: 25}, looked)):
            world.broker.dealt = replace(WELL, committed=committed, ends={HERE: 40, THERE: 50})
            await world.look()
            assert world.watch.taken.until("requests") == until
        world.broker.dealt = replace(WELL, committed={HERE: 40, THERE: 50}, ends={HERE: 40, THERE: 50})
        await world.look()
        assert world.watch.taken.until("requests") == world.now

    async def test_what_waits_of_one_topic_is_nothing_to_another(self, world):
        ends = {**WELL.ends, COMMAND: 5}
        world.broker.dealt = replace(WELL, committed={**WELL.committed, COMMAND: 4}, ends=ends)
        await world.look()
        assert world.watch.taken.until("requests") == world.now
        assert world.watch.taken.until("commands") == -math.inf

    async def test_a_topic_that_was_made_anew_is_not_waited_for_to_its_old_end(self, world):
        world.broker.dealt = replace(WELL, ends={HERE: 400, THERE: 20})
        await world.look()
        world.broker.dealt = replace(WELL, committed={HERE: 1, THERE: 0}, ends={HERE: 1, THERE: 0})
        await world.look()
        assert world.watch.taken.until("requests") == world.now

    async def test_while_the_broker_is_away_it_stays(self, world):
        await world.look()
        looked, world.broker.dealt = world.now, None
        await world.look()
        assert world.watch.taken.until("requests") == looked

    async def test_it_is_from_before_the_question_was_asked(self, world):
        """What comes while the broker answers may be missing in its answer."""
        look = world.broker.look

        async def slow():
            world.now += 3
            return await look()

        world.broker.look = slow
        await world.look()
        assert world.watch.taken.until("requests") == world.now - 3


async def test_while_no_request_is_let_in_nothing_stands_still(world):
    await world.look()
    world.open = False
    world.broker.dealt = replace(WELL, ends={HERE: 10, THERE: 25})
    assert await world.look() == []
    assert world.value("partitions_stalled") == 0.0


async def test_while_the_broker_is_away_nobody_is_blamed(world):
    await world.look()
    world.broker.dealt = None
    world.own.at = {HERE: 3}
    assert await world.look() == []
    assert world.value("consumer_lag_records", topic="requests") is None
