"""What the leader tells of jobs that wait: how many could run now, and for how long the next could have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from support.plans import touched

from models.pauses import Scope
from models.queue import QueueRules
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.queued import MOST_COUNTED, QUEUED, WALKING

HOUR = timedelta(hours=1)
FILL = text("""
    INSERT INTO market_analysis_jobs
        (job_id, analysis_type, county_id, status, message, parameters_json, priority, digest, created_at, queue_at)
    SELECT gen_random_uuid(), 'trend_analysis', cast(:county AS text), 'PENDING', 'Waiting', '{}', 5, 'd', at, at
    FROM (SELECT now() - n * interval '1 ms' AS at FROM generate_series(1, cast(:many AS int)) AS n) AS made
""")


@pytest.fixture
def driver(postgres_driver):
    return postgres_driver


@pytest.fixture
async def queued(shared_engine):
    """Return what the leader tells."""

    async def told():
        async with PostgresOutbox(shared_engine).lead() as leader:
            many, age = await leader.queued()
        return many, round(age / 60)

    return told


async def test_nothing_waits_at_first(queued):
    assert await queued() == (0, 0)


async def test_what_could_run_is_counted_and_the_age_is_of_the_one_that_waited_longest(loose_bench, queued):
    for county, minutes in (("a", 10), ("b", 30), ("b", 20)):
        await loose_bench.driver.age(await loose_bench.waiting(county_id=county), timedelta(minutes=minutes))
    assert await queued() == (3, 30)


async def test_what_is_paused_or_waits_for_its_time_is_not_told(loose_bench, queued):
    await loose_bench.driver.pauses.pause(Scope.COUNTY, "a", reason=None, requested_by=None)
    await loose_bench.driver.pauses.pause(Scope.TYPE, "noop", reason=None, requested_by=None)
    claim = await loose_bench.running(county_id="c")
    for fields in ({"county_id": "a"}, {"analysis_type": "noop"}):
        await loose_bench.driver.age(await loose_bench.waiting(**fields), HOUR)
    await loose_bench.store.release({claim.job_id: claim.attempt}, message="Its service is away", delay=HOUR)
    await loose_bench.driver.age(claim.job_id, 5 * HOUR)
    assert await queued() == (0, 0)
    await loose_bench.driver.pass_time(HOUR + timedelta(minutes=2))
    assert await queued() == (1, 2), "its time came two minutes ago, however old it is"


async def test_a_job_that_others_pass_by_right_is_not_overdue(loose_bench, queued):
    """A queue is late by the one that is next in it; what waits behind urgent ones by its priority waits as it should."""
    await loose_bench.driver.age(await loose_bench.waiting(priority=0), QueueRules().ageing)
    await loose_bench.driver.age(await loose_bench.waiting(priority=9), timedelta(minutes=1))
    assert await queued() == (2, 1)


async def test_of_very_many_a_bounded_number_is_read(loose_bench, shared_engine):
    await loose_bench.driver.pauses.pause(Scope.COUNTY, "paused", reason=None, requested_by=None)
    async with shared_engine.connect() as connection:
        for county, many in (("paused", 2 * MOST_COUNTED), ("full", 2 * MOST_COUNTED), ("small", 3)):
            await connection.execute(FILL, {"county": county, "many": many})
        await connection.execute(WALKING)
        assert (await connection.execute(QUEUED)).one()[0] == MOST_COUNTED
        rows, whole = await touched(connection, QUEUED)
    assert rows < MOST_COUNTED + 100
    assert whole == []
