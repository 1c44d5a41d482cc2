"""What ended long ago is forgotten and told so, and nothing else ever, by the fake as by the real store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from contract.conftest import Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models.dead_letters import DeadLetter, Handling, LetterState, Stage
from models.jobs import TERMINAL, Finish, JobStatus
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.adapters.postgres.letters import PostgresDeadLetters
from terrafusion.adapters.postgres.replaced import LOAD_LOCK
from terrafusion.ports.jobs import Offer
from terrafusion.ports.letters import LetterFilter
from topics.catalogue import STATUS

DAY = timedelta(days=1)
AGE = 30 * DAY
LIVE = sorted(set(JobStatus) - TERMINAL)


@pytest.fixture
def old(driver) -> Bench:
    """A store under test; its rows are made older than their events say, so nobody compares the two."""
    return Bench(driver)


async def purge(bench, *, limit=500, age=AGE):
    async with bench.driver.retention.alone() as purging:
        ids = [job.job_id for job in await purging.ended(age=age, limit=limit)]
        return await purging.forget_jobs(ids, age=age)


async def aged(bench, status, age):
    job_id = (await bench.standing(status)).job_id
    await bench.driver.age(job_id, age)
    return job_id


@pytest.mark.parametrize("status", sorted(TERMINAL))
async def test_what_ended_long_ago_is_forgotten_and_told_last(old, status):
    gone, kept = await aged(old, status, 31 * DAY), await aged(old, status, 29 * DAY)
    assert await purge(old) == 1
    assert await old.store.get(gone) is None
    assert await old.store.get(kept) is not None
    told = [r for r in await old.driver.outbox() if r.key == str(gone).encode() and r.topic == STATUS.name]
    assert [record.value is None for record in told] == [False] * (len(told) - 1) + [True]
    assert [r.key for r in await old.driver.outbox() if r.value is None] == [str(gone).encode()]


@pytest.mark.parametrize("status", LIVE)
async def test_what_is_live_stays_whatever_its_age(old, status):
    job_id = await aged(old, status, 4000 * DAY)
    told = len(await old.driver.outbox())
    assert await purge(old) == 0
    async with old.driver.retention.alone() as purging:
        assert await purging.forget_jobs([job_id], age=AGE) == 0
        assert await purging.count_jobs(age=AGE) == 0
    assert await old.store.get(job_id) is not None
    assert len(await old.driver.outbox()) == told


async def test_no_more_are_named_than_asked_for_those_accepted_first_before_others(old):
    ids = [await aged(old, JobStatus.CANCELLED, (31 + n) * DAY) for n in range(5)]
    async with old.driver.retention.alone() as purging:
        assert [job.job_id for job in await purging.ended(age=AGE, limit=2)] == [ids[4], ids[3]]
        assert await purging.count_jobs(age=AGE) == 5
    assert await purge(old, limit=2) == 2
    assert await purge(old) == 3


async def test_an_id_that_was_purged_may_come_again_as_a_new_job(old):
    job_id = await aged(old, JobStatus.FAILED, 31 * DAY)
    assert await purge(old) == 1
    assert await purge(old) == 0
    accepted = await old.store.accept([Offer(old.job(job_id=job_id, digest="another"))])
    assert accepted.new == {job_id}
    assert (await old.look(job_id)).sequence == 1


async def test_only_one_purges_at_a_time(old):
    async with old.driver.retention.alone() as first, old.driver.retention.alone() as second:
        assert first is not None
        assert second is None
    async with old.driver.retention.alone() as next_one:
        assert next_one is not None


async def test_which_jobs_are_known_to_have_ended_without_a_file(old):
    bare = [(await old.standing(status)).job_id for status in sorted(TERMINAL)]
    live = [(await old.standing(status)).job_id for status in LIVE]
    claim = await old.running()
    await old.store.finish([Finish(job_id=claim.job_id, attempt=1, message="Done", result_data_location="file:///x")])
    async with old.driver.retention.alone() as purging:
        assert await purging.without_result([*bare, *live, claim.job_id, uuid4()]) == set(bare)


@given(
    lives=st.lists(st.tuples(st.sampled_from(sorted(JobStatus)), st.integers(0, 60)), max_size=5),
    days=st.integers(0, 60),
    limit=st.integers(1, 9),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_there_is_exactly_what_ended_before_goes(by_hand, lives, days, limit):
    bench, run = by_hand
    run(bench.driver.clear())

    async def play():
        age = timedelta(days=days, hours=12)
        made = [(await aged(bench, state, n * DAY), state, n * DAY) for state, n in lives]
        due = {job_id for job_id, state, since in made if state in TERMINAL and since > age}
        while await purge(bench, limit=limit, age=age):
            pass
        assert {job_id for job_id, *_ in made if await bench.store.get(job_id) is None} == due
        tombs = [record.key for record in await bench.driver.outbox() if record.value is None]
        assert sorted(tombs) == sorted(str(job_id).encode() for job_id in due)

    run(play())


class TestLetters:
    @pytest.fixture
    def letters(self, old):
        store = old.store
        return store.dead_letters if isinstance(store, MemoryJobStore) else PostgresDeadLetters(old.driver._engine)

    async def keep(self, bench, *offsets):
        made = [
            DeadLetter(
                topic="t",
                partition=0,
                offset=offset,
                timestamp=datetime(2026, 1, 1, tzinfo=UTC),
                key=None,
                value=b"x",
                headers=(),
                stage=Stage.DECODE,
                error_class="MalformedMessage",
                error_message="bad",
            )
            for offset in offsets
        ]
        await bench.store.accept([], made)

    async def forget(self, bench, limit=500):
        async with bench.driver.retention.alone() as purging:
            counted = await purging.count_letters(age=AGE)
            gone = await purging.forget_letters(age=AGE, limit=limit)
            assert gone == min(counted, limit)
            return gone

    async def test_old_ones_go_the_oldest_first(self, old, letters):
        await self.keep(old, 1, 2, 3)
        await old.driver.age_letters(31 * DAY)
        await self.keep(old, 4)
        await old.driver.publish()
        last = (await letters.ids(LetterFilter(), after=0, limit=9))[-2:]
        assert await self.forget(old, limit=2) == 2
        assert await letters.ids(LetterFilter(), after=0, limit=9) == last
        assert (await self.forget(old), await self.forget(old)) == (1, 0)

    async def test_what_somebody_dealt_with_lately_stays(self, old, letters):
        await self.keep(old, 1, 2)
        await old.driver.age_letters(31 * DAY)
        await old.driver.publish()
        first, _ = await letters.ids(LetterFilter(), after=0, limit=9)
        await letters.settle([first], Handling(state=LetterState.DISCARDED, by="ann", note="a test"))
        assert await self.forget(old) == 1
        await old.driver.age_letters(31 * DAY)
        assert await self.forget(old) == 1


async def test_a_letter_that_is_not_told_yet_stays(postgres_driver):
    letters = TestLetters()
    bench = Bench(postgres_driver)
    await letters.keep(bench, 1)
    await postgres_driver.age_letters(0.4 * DAY)
    async with postgres_driver.retention.alone() as purging:
        await postgres_driver.age_outbox(0.5 * DAY)
        assert await purging.forget_letters(age=0.1 * DAY, limit=9) == 0
        await postgres_driver.publish()
        assert await purging.forget_letters(age=0.1 * DAY, limit=9) == 1


async def test_a_letter_that_is_being_replayed_stays(postgres_driver):
    """Else the entry of its replay would name a letter that is gone, and its event be told by nobody."""
    await TestLetters().keep(Bench(postgres_driver), 1)
    await postgres_driver.publish()
    await postgres_driver.age_letters(31 * DAY)
    async with postgres_driver.retention.alone() as purging, postgres_driver._engine.connect() as replaying:
        await replaying.execute(text("UPDATE dead_letters SET state = 'replayed', handled_at = now()"))
        async with asyncio.timeout(10):
            assert await purging.forget_letters(age=AGE, limit=9) == 0
        await replaying.commit()
        assert await purging.forget_letters(age=AGE, limit=9) == 0
    assert len(await postgres_driver.letters()) == 1


class TestVersions:
    async def purge(self, bench, *, age=AGE, limit=9):
        """Forget what may go; returns the versions, and which snapshots go with them."""
        async with bench.driver.retention.alone() as purging:
            counted = await purging.count_versions(age=age, jobs=None)
            async with purging.replaced(age=age, limit=limit) as held:
                if held is None:
                    assert counted == 0
                    return [], []
                assert await purging.forget_versions(held, age=age) == len(held.versions) <= counted
        for version in held.versions:
            assert await bench.driver.counties.version(held.county_id, version) is None
        return list(held.versions), list(held.snapshots)

    async def test_what_was_replaced_long_ago_goes_and_the_current_one_never(self, old):
        for version in ("v1", "v2"):
            await old.driver.load("king_wa", version, f"file:///{version}")
        await old.driver.age_versions(29 * DAY)
        assert await self.purge(old) == ([], [])
        await old.driver.age_versions(2 * DAY)
        await old.driver.load("king_wa", "v3", "file:///v3")
        assert await self.purge(old) == (["v1"], ["file:///v1"]), "v2 was replaced a moment ago"
        await old.driver.age_versions(4000 * DAY)
        assert await self.purge(old) == (["v2"], ["file:///v2"])
        assert await self.purge(old) == ([], [])
        assert [version.data_version for version in await old.driver.counties.current()] == ["v3"]

    async def test_what_a_job_names_stays_until_the_job_goes(self, old):
        await old.driver.load("king_wa", "v1", "file:///v1")
        claim = await old.standing(JobStatus.COMPLETED)
        await old.driver.load("king_wa", "v2", "file:///v2")
        await old.driver.age_versions(40 * DAY)
        await old.driver.age(claim.job_id, 40 * DAY)
        assert await self.purge(old) == ([], [])
        async with old.driver.retention.alone() as purging:
            assert await purging.count_versions(age=AGE, jobs=AGE) == 1, "once the job is gone"
            assert await purging.count_versions(age=AGE, jobs=50 * DAY) == 0
        assert await purge(old) == 1
        assert await self.purge(old) == (["v1"], ["file:///v1"])

    @pytest.mark.parametrize("status", LIVE)
    async def test_what_a_live_job_names_stays_whatever_its_age(self, old, status):
        await old.driver.load("king_wa", "v1")
        job_id = (await old.standing(status)).job_id
        await old.driver.load("king_wa", "v2")
        await old.driver.age_versions(4000 * DAY)
        await old.driver.age(job_id, 4000 * DAY)
        assert await self.purge(old) == ([], [])
        async with old.driver.retention.alone() as purging:
            assert await purging.count_versions(age=AGE, jobs=AGE) == 0

    async def test_a_snapshot_that_another_version_has_too_stays(self, old):
        await old.driver.load("king_wa", "v1", "file:///s1", "file:///p1")
        await old.driver.load("king_wa", "v2", "file:///s1", "file:///p2", "file:///l2")
        await old.driver.load("king_wa", "v3", "file:///s3", "file:///p2")
        await old.driver.age_versions(31 * DAY)
        assert await self.purge(old, limit=1) == (["v1"], ["file:///p1"])
        assert await self.purge(old) == (["v2"], ["file:///l2", "file:///s1"])

    async def test_one_that_came_back_counts_from_then_on(self, old):
        for version in ("v1", "v2"):
            await old.driver.load("king_wa", version)
        await old.driver.age_versions(31 * DAY)
        for version in ("v1", "v3"):
            await old.driver.load("king_wa", version)
        assert await self.purge(old) == ([], []), "v2 was there for 31 days, until a moment ago"
        await old.driver.age_versions(31 * DAY)
        assert (await self.purge(old))[0] == ["v2", "v1"]

    async def test_no_more_are_held_than_asked_for_and_of_one_county(self, old):
        for version in ("v1", "v2", "v3"):
            for county in ("king_wa", "lucas_oh"):
                await old.driver.load(county, version)
        await old.driver.age_versions(31 * DAY)
        batches = [(await self.purge(old, limit=1))[0] for _ in range(5)]
        assert sorted(batches) == [[], ["v1"], ["v1"], ["v2"], ["v2"]]
        assert batches[-1] == []
        assert len(await old.driver.counties.current()) == 2


async def test_a_county_that_is_being_loaded_is_left_alone(postgres_driver):
    for county in ("king_wa", "lucas_oh"):
        for version in ("v1", "v2"):
            await postgres_driver.load(county, version)
    await postgres_driver.age_versions(31 * DAY)
    async with postgres_driver._engine.begin() as loading, postgres_driver.retention.alone() as purging:
        await loading.execute(text(f"SELECT pg_advisory_xact_lock({LOAD_LOCK}, hashtext('king_wa'))"))
        async with purging.replaced(age=AGE, limit=9) as held:
            assert held.county_id == "lucas_oh"
            assert await purging.forget_versions(held, age=AGE) == 1
        async with purging.replaced(age=AGE, limit=9) as held:
            assert held is None


async def test_nothing_is_loaded_of_a_county_while_its_versions_are_held(postgres_driver):
    for version in ("v1", "v2"):
        await postgres_driver.load("king_wa", version)
    await postgres_driver.age_versions(31 * DAY)
    is_free = text(f"SELECT pg_try_advisory_xact_lock({LOAD_LOCK}, hashtext('king_wa'))")
    async with postgres_driver._engine.begin() as loading, postgres_driver.retention.alone() as purging:
        async with purging.replaced(age=AGE, limit=9):
            assert not (await loading.execute(is_free)).scalar_one()
        assert (await loading.execute(is_free)).scalar_one()
