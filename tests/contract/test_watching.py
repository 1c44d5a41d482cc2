"""What workers say, how far the group was behind, what became of jobs: one suite for the fakes and the real stores."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from models.jobs import JobStatus
from models.rates import EVERY_TYPE, Width
from models.workers import FORGOTTEN_AFTER, SAMPLES_KEPT, Presence, WorkerState

HOUR = timedelta(hours=1)
REQUESTS, COMMANDS = "market-analysis.requests.v1", "market-analysis.commands.v1"


def state(name="host:7:ab", **fields):
    given = {
        "host": "host",
        "pid": 7,
        "version": "1.2.3",
        "address": "127.0.0.1:6066",
        "slots": 2,
        "in_flight": 1,
        "children": 2,
        "has_pool": True,
        "leads": False,
        "partitions": {REQUESTS: [0, 3], COMMANDS: []},
    }
    return WorkerState(worker_id=name, **(given | fields))


class TestWorkers:
    @pytest.fixture
    def workers(self, driver):
        return driver.workers

    async def test_nobody_at_first(self, workers):
        assert await workers.all() == []

    @pytest.mark.parametrize("presence", list(Presence))
    async def test_a_worker_is_told_as_it_said(self, workers, presence):
        said = state(presence=presence, leads=True)
        await workers.beat(said)
        (seen,) = await workers.all()
        assert seen.state == said
        assert seen.started_at == seen.seen_at
        assert seen.silent < HOUR

    async def test_it_counts_from_its_first_word_and_says_its_last(self, driver, workers):
        await workers.beat(state())
        await driver.age_watched(timedelta(minutes=5))
        await workers.beat(state(in_flight=0))
        (seen,) = await workers.all()
        assert seen.state.in_flight == 0
        assert seen.seen_at - seen.started_at >= timedelta(minutes=5)
        assert seen.silent < timedelta(minutes=5)

    async def test_silence_grows_and_the_last_heard_comes_first(self, driver, workers):
        await workers.beat(state("a"))
        await driver.age_watched(timedelta(minutes=2))
        await workers.beat(state("b"))
        first, second = await workers.all()
        assert [first.state.worker_id, second.state.worker_id] == ["b", "a"]
        assert first.silent < timedelta(minutes=2) <= second.silent

    async def test_one_that_was_silent_for_long_is_forgotten(self, driver, workers):
        await workers.beat(state("gone"))
        await driver.age_watched(FORGOTTEN_AFTER + timedelta(minutes=1))
        await workers.beat(state("here"))
        assert [seen.state.worker_id for seen in await workers.all()] == ["here"]

    async def test_many_at_once(self, driver, workers):
        await asyncio.gather(*(workers.beat(state(f"old{n}")) for n in range(5)))
        await driver.age_watched(FORGOTTEN_AFTER + timedelta(minutes=1))
        await asyncio.gather(*(workers.beat(state(f"new{n}")) for n in range(5)))
        assert {seen.state.worker_id for seen in await workers.all()} == {f"new{n}" for n in range(5)}


class TestLag:
    async def test_of_those_who_sample_in_a_minute_one_is_kept(self, driver):
        lags = {(REQUESTS, 0): 17, (REQUESTS, 1): 0, (COMMANDS, 0): 2}
        await driver.workers.sample(lags)
        first = await driver.workers.samples(age=HOUR)
        assert {(one.topic, one.partition): one.lag for one in first} == lags
        await asyncio.gather(*(driver.workers.sample(dict.fromkeys(lags, 99)) for _ in range(4)))
        of_first = [one for one in await driver.workers.samples(age=HOUR) if one.at == first[0].at]
        assert of_first == first

    async def test_oldest_first_and_none_older_than_asked(self, driver):
        await driver.workers.sample({(REQUESTS, 0): 1})
        await driver.age_watched(timedelta(minutes=90))
        await driver.workers.sample({(REQUESTS, 0): 2})
        assert [one.lag for one in await driver.workers.samples(age=HOUR)] == [2]
        assert [one.lag for one in await driver.workers.samples(age=2 * HOUR)] == [1, 2]

    async def test_old_ones_go(self, driver):
        await driver.workers.sample({(REQUESTS, 0): 1})
        await driver.age_watched(SAMPLES_KEPT + HOUR)
        await driver.workers.sample({})
        assert await driver.workers.samples(age=2 * SAMPLES_KEPT) == []


class TestRates:
    @pytest.fixture
    def bench(self, loose_bench):
        return loose_bench

    async def put(self, bench, status, ago):
        """Bring a job to an end so long ago."""
        claim = await bench.standing(status)
        await bench.driver.age(claim.job_id, ago)

    async def look(self, bench, width=Width.MINUTE, age=HOUR):
        await bench.driver.rates.roll(width)
        return await bench.driver.rates.since(width, age=age)

    async def totals(self, bench, name=EVERY_TYPE, **asked):
        rates = [rate for rate in await self.look(bench, **asked) if rate.analysis_type == name]
        return tuple(sum(getattr(rate, what) for rate in rates) for what in ("completed", "failed", "cancelled"))

    async def test_without_jobs_it_is_known_until_when_there_were_none(self, bench):
        rates = await self.look(bench)
        assert {(rate.analysis_type, rate.completed, rate.failed, rate.run_p50) for rate in rates} == {
            (EVERY_TYPE, 0, 0, None)
        }

    @pytest.mark.parametrize(("width", "ago"), [(Width.MINUTE, 10), (Width.QUARTER, 200)])
    async def test_jobs_are_counted_by_how_they_ended(self, bench, width, ago):
        ends = [JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED]
        for status in ends:
            await self.put(bench, status, timedelta(minutes=ago))
        await bench.running()
        for name in (EVERY_TYPE, "trend_analysis"):
            assert await self.totals(bench, name, width=width, age=5 * HOUR) == (2, 1, 1)

    async def test_types_are_told_apart(self, bench):
        await self.put(bench, JobStatus.FAILED, timedelta(minutes=10))
        assert await self.totals(bench, "ratio_study") == (0, 0, 0)

    async def test_seconds_lie_between_the_shortest_and_the_longest(self, bench):
        for _ in range(3):
            await self.put(bench, JobStatus.COMPLETED, timedelta(minutes=10))
        rates = [rate for rate in await self.look(bench) if rate.completed]
        assert rates
        for rate in rates:
            assert 0 <= rate.wait_p50 <= rate.wait_p95 < 60
            assert 0 <= rate.run_p50 <= rate.run_p95 < 60

    async def test_a_job_that_was_cancelled_tells_no_time_of_running(self, bench):
        await self.put(bench, JobStatus.CANCELLED, timedelta(minutes=10))
        (rate,) = [rate for rate in await self.look(bench) if rate.cancelled and rate.analysis_type]
        assert (rate.run_p50, rate.wait_p50 is None) == (None, False)

    async def test_what_is_not_over_is_not_told(self, bench):
        await self.put(bench, JobStatus.COMPLETED, timedelta(0))
        assert await self.totals(bench, age=timedelta(seconds=1)) == (0, 0, 0)

    async def test_doing_it_again_changes_nothing(self, bench):
        await self.put(bench, JobStatus.COMPLETED, timedelta(minutes=10))
        assert [await self.totals(bench) for _ in range(2)] == [(1, 0, 0)] * 2

    async def test_one_whose_end_was_written_down_late_is_told_all_the_same(self, bench):
        await self.put(bench, JobStatus.COMPLETED, timedelta(minutes=2))
        assert (await self.totals(bench))[0] == 1
        await bench.driver.forget_last_rates()
        await self.put(bench, JobStatus.COMPLETED, timedelta(minutes=2))
        assert (await self.totals(bench))[0] == 2


async def test_a_stretch_of_time_is_read_by_its_index(shared_engine):
    """However many jobs there are, those of some minutes are found without looking at the others."""
    wanted = "completed_at >= now() - interval '1 minute' AND completed_at < now()"
    async with shared_engine.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = await connection.execute(text(f"EXPLAIN SELECT status FROM market_analysis_jobs WHERE {wanted}"))
        assert "ix_jobs_ended" in "\n".join(plan.scalars())
