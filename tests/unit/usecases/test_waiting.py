"""Why jobs wait, what is known of pauses, and when requests are let in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from models.messages import Command
from models.pauses import Scope
from terrafusion.errors import IntakeShut, Unavailable
from terrafusion.usecases import backpressure, waiting
from terrafusion.usecases.backpressure import MOST_AT_ONCE, Room
from terrafusion.usecases.waiting import Waiting


def queue(office, limit=None):
    return Waiting(
        jobs=office.store,
        pauses=office.pauses,
        max_running_per_county=limit,
        now=office.clock,
        monotonic=office.clock.seconds,
    )


async def why(office, job, limit=None):
    return (await queue(office, limit).reasons([job])).of(job)


class TestReasons:
    async def test_a_job_that_does_not_wait_has_none(self, office):
        for job_id in (await office.running(), await office.ended()):
            assert await why(office, await office.look(job_id)) is None

    async def test_the_first_that_holds_is_told(self, office):
        await office.running()
        job = await office.look(await office.waiting())
        later = replace(job, run_after=office.clock.now + timedelta(seconds=5))
        assert await why(office, job) == "slots"
        assert await why(office, job, limit=2) == "slots"
        assert await why(office, job, limit=1) == "county_limit"
        assert await why(office, later, limit=1) == "run_after"
        await office.commands.pause(Command(command="pause", county_id="king_wa"))
        assert await why(office, later, limit=1) == "paused"

    async def test_a_time_that_has_come_is_no_reason(self, office):
        job = await office.look(await office.waiting())
        assert await why(office, replace(job, run_after=office.clock.now)) == "slots"

    async def test_a_limit_and_a_pause_are_their_own_county_s(self, office):
        await office.running(county_id="lucas_oh")
        await office.commands.pause(Command(command="pause", county_id="lucas_oh"))
        assert await why(office, await office.look(await office.waiting()), limit=1) == "slots"

    async def test_a_paused_type(self, office):
        await office.commands.pause(Command(command="pause", analysis_type="price_trend_by_zip"))
        assert await why(office, await office.look(await office.waiting())) == "paused"

    async def test_a_paused_intake_keeps_no_accepted_job(self, office):
        await office.commands.pause(Command(command="pause"))
        assert await why(office, await office.look(await office.waiting())) == "slots"

    async def test_many_jobs_and_many_callers_cost_one_query_a_second(self, office):
        jobs = [await office.look(await office.waiting()) for _ in range(20)]
        asked = queue(office)
        for _ in range(5):
            await asked.reasons(jobs)
        assert office.stored_pauses.asked == 1
        office.clock.tick(1)
        await asked.reasons(jobs)
        assert office.stored_pauses.asked == 2

    async def test_where_none_waits_nobody_is_asked(self, office):
        await queue(office).reasons([await office.look(await office.ended())])
        assert office.stored_pauses.asked == 0

    async def test_while_the_store_is_away_there_is_still_an_answer(self, office, monkeypatch):
        job = await office.look(await office.waiting())
        office.stored_pauses.away = True
        assert await why(office, job, limit=1) == "slots"

        async def silent():
            await asyncio.sleep(60)

        monkeypatch.setattr(office.stored_pauses, "all", silent)
        monkeypatch.setattr(waiting, "PATIENCE_S", 0.01)
        assert await why(office, job, limit=1) == "slots"


class TestKnownPauses:
    async def test_what_others_ordered_is_known_a_second_later(self, office):
        await office.pauses.look()
        await office.stored_pauses.pause(Scope.COUNTY, "king_wa", reason=None, requested_by=None)
        office.clock.tick(0.9)
        assert await office.pauses.look() == []
        office.clock.tick(0.1)
        assert [pause.name for pause in await office.pauses.look()] == ["king_wa"]

    async def test_it_is_told_by_scope(self, office):
        for name in ("a", "b"):
            await office.pauses.pause(Scope.COUNTY, name, reason=None, requested_by=None)
        told = {s: office.registry.get_sample_value("terrafusion_paused", {"scope": s}) for s in Scope}
        assert told == {Scope.COUNTY: 2, Scope.TYPE: 0, Scope.INTAKE: 0}
        await office.pauses.resume(Scope.COUNTY, "a")
        assert office.registry.get_sample_value("terrafusion_paused", {"scope": "county"}) == 1

    async def test_nobody_is_let_in_while_the_intake_stands_still(self, office):
        await office.pauses.admit()
        await office.commands.pause(Command(command="pause", reason="roll day", requested_by="roll desk"))
        with pytest.raises(IntakeShut, match=r"^The intake is paused by roll desk: roll day\.$"):
            await office.pauses.admit()
        await office.commands.resume(Command(command="resume"))
        await office.pauses.admit()

    async def test_what_was_known_is_not_forgotten_while_the_store_is_away(self, office):
        await office.commands.pause(Command(command="pause"))
        office.stored_pauses.away = True
        office.clock.tick(5)
        with pytest.raises(Unavailable):
            await office.pauses.look()
        assert office.pauses.intake


class TestRoom:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(backpressure, "AGAIN_AFTER_S", 0)

    async def test_is_open_until_too_many_wait_and_again_when_they_are_fewer(self, office):
        job_id = await office.waiting()
        valve = Room(office.store, 2, pauses=office.pauses, monotonic=office.clock.seconds)
        await asyncio.wait_for(valve.take(1), 5)
        taking = asyncio.ensure_future(valve.take(2))
        await asyncio.sleep(0.01)
        assert not taking.done()
        await office.commands.cancel(job_id)
        await asyncio.wait_for(taking, 5)

    async def test_more_at_once_than_may_wait_are_let_in_when_none_waits(self, office):
        job_id = await office.waiting()
        valve = Room(office.store, 2, pauses=office.pauses, monotonic=office.clock.seconds)
        taking = asyncio.ensure_future(valve.take(3))
        await asyncio.sleep(0.01)
        assert not taking.done()
        await office.commands.cancel(job_id)
        await asyncio.wait_for(taking, 5)

    async def test_is_shut_by_a_pause_and_open_after_it(self, office):
        valve = Room(office.store, 1000, pauses=office.pauses, monotonic=office.clock.seconds)
        await valve.take(1)
        await office.commands.pause(Command(command="pause"))
        taking = asyncio.ensure_future(valve.take(1))
        await asyncio.sleep(0.01)
        assert not taking.done()
        await office.commands.resume(Command(command="resume"))
        await asyncio.wait_for(taking, 5)

    async def test_a_worker_without_requests_knows_whether_those_of_others_are_let_in(self, office):
        job_id = await office.waiting()
        valve = Room(office.store, MOST_AT_ONCE, pauses=office.pauses, monotonic=office.clock.seconds)
        assert not valve.is_open
        await valve.look()
        assert not valve.is_open
        await office.commands.cancel(job_id)
        office.clock.tick(backpressure.COUNT_EVERY_S)
        await valve.look()
        assert valve.is_open
        await office.commands.pause(Command(command="pause"))
        assert not valve.is_open

    async def test_one_that_has_not_reached_the_store_for_long_does_not_know(self, office):
        valve = Room(office.store, 1000, pauses=office.pauses, monotonic=office.clock.seconds)
        await valve.look()
        office.stored_pauses.away = True
        office.clock.tick(backpressure.COUNT_EVERY_S / 2)
        with pytest.raises(Unavailable):
            await valve.look()
        assert valve.is_open
        office.clock.tick(backpressure.COUNT_EVERY_S)
        assert not valve.is_open

    async def test_who_cannot_wait_is_let_in_or_told(self, office):
        job_id = await office.waiting()
        valve = Room(office.store, 2, pauses=office.pauses, monotonic=office.clock.seconds)
        await valve.admit()
        for ask in (valve.admit, valve.spare):
            with pytest.raises(IntakeShut, match=r"^2 jobs wait, as many as may"):
                await ask()
        await office.commands.cancel(job_id)
        office.clock.tick(backpressure.COUNT_EVERY_S)
        await valve.spare()

    async def test_a_pause_shuts_it_for_requests_and_not_for_orders(self, office):
        valve = Room(office.store, 2, pauses=office.pauses, monotonic=office.clock.seconds)
        await office.commands.pause(Command(command="pause", reason="roll day"))
        with pytest.raises(IntakeShut, match=r"^The intake is paused: roll day\.$"):
            await valve.admit()
        await valve.spare()

    async def test_many_who_ask_at_once_have_it_counted_once(self, office, monkeypatch):
        counts = []

        async def waiting(most):
            counts.append(most)
            await asyncio.sleep(0)
            return most

        monkeypatch.setattr(office.store, "waiting", waiting)
        valve = Room(office.store, 1000, pauses=office.pauses, monotonic=office.clock.seconds)
        told = await asyncio.gather(*(valve.admit() for _ in range(50)), return_exceptions=True)
        assert {type(error) for error in told} == {IntakeShut}
        assert counts == [1000]

    async def test_a_store_that_is_away_is_told_to_the_caller(self, office):
        office.stored_pauses.away = True
        valve = Room(office.store, 1000, pauses=office.pauses, monotonic=office.clock.seconds)
        with pytest.raises(Unavailable):
            await valve.take(1)
