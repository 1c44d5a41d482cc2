"""Who is next: counties in turn, within one by priority and waiting; limits exact, pauses honoured, nobody for ever last."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.jobs import Finish
from models.pauses import Scope
from models.queue import QueueRules
from terrafusion.ports.jobs import Offer

AGEING = QueueRules().ageing
MANY = 10_000


async def accept(bench, number, **fields):
    jobs = [bench.job(**fields) for _ in range(number)]
    for start in range(0, number, 1000):
        await bench.store.accept([Offer(job) for job in jobs[start : start + 1000]])
    return [job.job_id for job in jobs]


async def finish(bench, claims):
    ends = [Finish(job_id=claim.job_id, attempt=claim.attempt, message="Done") for claim in claims]
    assert len(await bench.store.finish(ends)) == len(claims)


async def serve(bench, times, *, slots=1):
    """Claim, finish, and claim again, as one worker does; return the counties in the order they were served."""
    served = []
    for _ in range(times):
        claims = await bench.claim(slots=slots)
        served += [claim.county_id for claim in claims]
        await finish(bench, claims)
    return served


class TestCountiesInTurn:
    async def test_behind_ten_thousand_of_another_county_a_job_is_next(self, bench):
        await accept(bench, MANY, county_id="a")
        running = await bench.claim(slots=2)
        (first,) = await accept(bench, 1, county_id="b")
        await finish(bench, running[:1])
        assert [claim.job_id for claim in await bench.claim(slots=1)] == [first]

    async def test_also_where_there_is_one_slot_and_all_the_others_have_waited_longer(self, bench):
        await accept(bench, 50, county_id="a")
        await serve(bench, 3)
        await accept(bench, 2, county_id="b")
        assert await serve(bench, 6) == ["b", "a", "b", "a", "a", "a"]

    async def test_nor_does_priority_push_another_county_aside(self, bench):
        await accept(bench, 20, county_id="a", priority=9)
        await accept(bench, 2, county_id="b", priority=0)
        assert Counter(await serve(bench, 4)) == {"a": 2, "b": 2}

    async def test_a_batch_is_shared_out(self, bench):
        for county, number in (("a", 100), ("b", 100), ("c", 3)):
            await accept(bench, number, county_id=county)
        claims = await bench.claim(slots=31)
        assert Counter(claim.county_id for claim in claims) == {"a": 14, "b": 14, "c": 3}
        assert {claim.county_id for claim in claims[:3]} == {"a", "b", "c"}, "in turn from the first on"

    async def test_the_county_with_fewest_running_is_next(self, bench):
        await accept(bench, 5, county_id="a")
        await bench.claim(slots=3)
        await accept(bench, 5, county_id="b")
        assert Counter(claim.county_id for claim in await bench.claim(slots=3)) == {"b": 3}
        assert Counter(claim.county_id for claim in await bench.claim(slots=4)) == {"a": 2, "b": 2}

    async def test_short_jobs_share_slots_by_their_weights(self, bench):
        await accept(bench, 300, county_id="a", analysis_type="quick")
        await accept(bench, 300, county_id="b", analysis_type="slow")
        claims = await bench.claim(slots=2, weights={"quick": 0.01})
        assert Counter(claim.county_id for claim in claims)["b"] == 1
        assert sum(0.01 if claim.county_id == "a" else 1 for claim in claims) <= 2


class TestWithinACounty:
    async def test_higher_priority_first_then_older(self, bench):
        ids = [await bench.waiting(priority=priority) for priority in (5, 0, 9, 5, 9)]
        assert [claim.job_id for claim in await bench.claim()] == [ids[n] for n in (2, 4, 0, 3, 1)]

    @pytest.mark.parametrize("steps", [1, 4, 9])
    async def test_a_step_of_priority_is_worth_so_much_waiting(self, bench, steps):
        low = await bench.waiting(priority=0)
        await bench.driver.pass_time(steps * AGEING - timedelta(seconds=5))
        ahead = await bench.waiting(priority=steps)
        await bench.driver.pass_time(timedelta(seconds=10))
        behind = await bench.waiting(priority=steps)
        assert [claim.job_id for claim in await bench.claim()] == [ahead, low, behind]

    async def test_nothing_waits_for_ever_behind_urgent_ones_that_keep_coming(self, bench):
        low = await bench.waiting(priority=0)
        for _ in range(40):  # two come for each that is served, so in 9 steps of ageing 36 got in ahead of it
            await accept(bench, 2, priority=9)
            (claim,) = await bench.claim(slots=1)
            if claim.job_id == low:
                break
            await finish(bench, [claim])
            await bench.driver.pass_time(AGEING / 2)
        assert claim.job_id == low

    async def test_ageing_is_a_rule_of_the_store(self, bench):
        bench.driver.rule(QueueRules(ageing=timedelta(seconds=1)))
        low = await bench.waiting(priority=0)
        await bench.driver.pass_time(timedelta(seconds=10))
        urgent = await bench.waiting(priority=9)
        assert [claim.job_id for claim in await bench.claim()] == [low, urgent]

    async def test_one_that_waits_for_its_time_holds_nobody_up(self, bench):
        claim = await bench.running(priority=9)
        await bench.store.release({claim.job_id: claim.attempt}, message="Later", delay=timedelta(hours=1))
        other = await bench.waiting(priority=0)
        assert [claim.job_id for claim in await bench.claim()] == [other]


class TestLimit:
    async def test_no_more_run_than_the_limit_and_the_next_when_one_ends(self, bench):
        bench.driver.rule(QueueRules(max_running_per_county=3))
        await accept(bench, 10, county_id="a")
        claims = await bench.claim()
        assert len(claims) == 3
        assert await bench.claim() == []
        await finish(bench, claims[:1])
        assert len(await bench.claim()) == 1

    async def test_other_counties_take_what_it_leaves(self, bench):
        bench.driver.rule(QueueRules(max_running_per_county=2))
        await accept(bench, 10, county_id="a", priority=9)
        await accept(bench, 10, county_id="b", priority=0)
        assert Counter(claim.county_id for claim in await bench.claim(slots=8)) == {"a": 2, "b": 2}

    async def test_a_county_above_it_gets_nothing_and_the_others_go_on(self, bench):
        await accept(bench, 10, county_id="a")
        await bench.claim(slots=5)
        bench.driver.rule(QueueRules(max_running_per_county=2))
        await accept(bench, 3, county_id="b")
        assert Counter(claim.county_id for claim in await bench.claim()) == {"b": 2}

    async def test_it_holds_over_all_types_of_a_county(self, bench):
        bench.driver.rule(QueueRules(max_running_per_county=3))
        for kind in ("quick", "slow", "other"):
            await accept(bench, 5, county_id="a", analysis_type=kind)
        assert len(await bench.claim()) == 3
        assert await bench.claim() == []

    async def test_many_claimers_at_once_keep_to_it(self, bench):
        bench.driver.rule(QueueRules(max_running_per_county=5))
        await accept(bench, 60, county_id="a")
        await accept(bench, 60, county_id="b")
        for _ in range(4):
            given = await asyncio.gather(*(bench.claim(owner=f"w{n}", slots=4) for n in range(9)))
            claims = [claim for each in given for claim in each]
            assert len({claim.job_id for claim in claims}) == len(claims)
            assert await bench.store.running() == {"a": 5, "b": 5}
            await finish(bench, claims)

    async def test_each_way_out_of_running_makes_room(self, bench):
        bench.driver.rule(QueueRules(max_running_per_county=1))
        await accept(bench, 5)
        (claim,) = await bench.claim()
        await bench.store.release({claim.job_id: claim.attempt}, message="Back")
        (claim,) = await bench.claim()
        await bench.store.cancel([claim.job_id], message="Cancelled")
        (claim,) = await bench.claim()
        await bench.store.crashed({claim.job_id: claim.attempt}, message="Died", max_crashes=0)
        (claim,) = await bench.claim()
        await bench.driver.pass_time(timedelta(minutes=1))
        assert (await bench.store.take_over(max_crashes=3)).returned == 1
        assert len(await bench.claim()) == 1


class TestPauses:
    async def test_a_paused_county_waits_and_the_others_go_on(self, bench):
        ids = {county: await bench.waiting(county_id=county) for county in ("a", "b")}
        await bench.driver.pauses.pause(Scope.COUNTY, "a", reason="reload", requested_by="me")
        assert [claim.job_id for claim in await bench.claim()] == [ids["b"]]
        await bench.driver.pauses.resume(Scope.COUNTY, "a")
        assert [claim.job_id for claim in await bench.claim()] == [ids["a"]]

    async def test_a_paused_type_waits_and_the_others_go_on(self, bench):
        ids = {name: await bench.waiting(analysis_type=name) for name in ("slow", "quick")}
        await bench.driver.pauses.pause(Scope.TYPE, "slow", reason=None, requested_by=None)
        assert [claim.job_id for claim in await bench.claim()] == [ids["quick"]]
        await bench.driver.pauses.resume(Scope.TYPE, "slow")
        assert [claim.job_id for claim in await bench.claim()] == [ids["slow"]]

    async def test_a_paused_intake_holds_up_no_claim(self, bench):
        waiting = await bench.waiting()
        await bench.driver.pauses.pause(Scope.INTAKE, "", reason=None, requested_by=None)
        assert [claim.job_id for claim in await bench.claim()] == [waiting]


counties = st.sampled_from("abc")
types = st.sampled_from(["quick", "slow"])
accepting = st.tuples(st.just("accept"), counties, types, st.integers(0, 9), st.integers(1, 6))
claiming = st.tuples(st.just("claim"), st.floats(0.2, 4))
ruling = st.tuples(st.just("rule"), st.none() | st.integers(1, 3))
others = st.tuples(st.sampled_from(["finish", "release", "later", "time", "pause", "resume"]), st.integers(0, 5))


@given(limit=st.none() | st.integers(1, 3), steps=st.lists(accepting | claiming | others | ruling, max_size=30))
@settings(
    max_examples=150,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_both_stores_give_the_same_jobs_out_in_the_same_order(both_by_hand, limit, steps):
    two_benches, run = both_by_hand
    for bench in two_benches:
        run(bench.driver.clear())
        bench.driver.rule(QueueRules(max_running_per_county=limit))
    held = {}
    for number, step in enumerate(steps):
        memory, postgres = [run(_step(bench, step, dict(held), number)) for bench in two_benches]
        assert memory == postgres
        if step[0] == "claim":
            held |= dict(memory)
        elif step[0] in {"finish", "release", "later"}:
            for job_id in memory:
                del held[job_id]


async def _step(bench, step, held, number):
    match step:
        case "accept", county, kind, priority, many:
            same = {"county_id": county, "analysis_type": kind, "priority": priority}
            jobs = [bench.job(job_id=UUID(int=1000 * number + n), **same) for n in range(many)]
            await bench.store.accept([Offer(job) for job in jobs])
            return [job.job_id for job in jobs]
        case "claim", slots:
            claims = await bench.claim(slots=slots, weights={"quick": 0.25})
            return [(claim.job_id, claim.attempt) for claim in claims]
        case "rule", limit:
            return bench.driver.rule(QueueRules(max_running_per_county=limit))
        case "time", n:
            return await bench.driver.pass_time(n * timedelta(minutes=4))
        case "pause" | "resume" as order, n:
            return await _hold(bench, order, n)
        case order, n:
            return await _leave(bench, order, dict(list(held.items())[:n]))


async def _hold(bench, order, n):
    scope, name = [(Scope.COUNTY, "a"), (Scope.COUNTY, "b"), (Scope.TYPE, "slow")][n % 3]
    if order == "resume":
        return await bench.driver.pauses.resume(scope, name)
    return (await bench.driver.pauses.pause(scope, name, reason=None, requested_by=None)).name


async def _leave(bench, order, attempts):
    if order == "finish":
        ends = [Finish(job_id=job_id, attempt=attempt, message="Done") for job_id, attempt in attempts.items()]
        return await bench.store.finish(ends)
    delay = timedelta(hours=1 if order == "later" else 0)
    return await bench.store.release(attempts, message="Back", delay=delay)
