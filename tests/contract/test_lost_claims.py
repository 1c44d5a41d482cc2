"""A claim whose answer never comes: its jobs go back to the queue, and nobody is said to have died."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from models.jobs import JobStatus
from models.queue import QueueRules
from terrafusion.adapters.postgres.claiming import _TURN, claim
from terrafusion.adapters.postgres.engine import transaction
from terrafusion.ports.jobs import TakenOver

from .conftest import Bench

LEASE = timedelta(seconds=30)
NOTHING: frozenset = frozenset()
WHY = "Its claim was lost"


async def test_what_its_owner_does_not_hold_goes_back_to_the_queue(bench):
    held, lost, other = [await bench.running(owner=owner) for owner in ("one", "one", "two")]
    assert await bench.store.release_lost("one", held={held.job_id: 1}, message=WHY) == {lost.job_id}
    job = await bench.look(lost.job_id)
    assert (job.status, job.message, job.attempt) == (JobStatus.PENDING, WHY, 1)
    for claimed in (held, other):
        assert (await bench.look(claimed.job_id)).status is JobStatus.RUNNING
    assert (await bench.driver.hidden())[lost.job_id].crashes == 0
    assert [(c.job_id, c.attempt) for c in await bench.claim(owner="one")] == [(lost.job_id, 2)]


async def test_who_holds_an_attempt_before_does_not_hold_the_one_that_was_lost(bench):
    first = await bench.running(owner="one")
    await bench.driver.pass_time(2 * LEASE)
    assert await bench.store.take_over(max_crashes=3) == TakenOver(1, 0)
    assert [c.attempt for c in await bench.claim(owner="one")] == [2]
    assert await bench.store.release_lost("one", held={first.job_id: 1}, message=WHY) == {first.job_id}


async def test_where_nothing_was_lost_nothing_is_told(bench):
    claimed = await bench.running(owner="one")
    told = len(await bench.driver.outbox())
    assert await bench.store.release_lost("one", held={claimed.job_id: 1}, message=WHY) == NOTHING
    assert await bench.store.release_lost("nobody", held={}, message=WHY) == NOTHING
    assert len(await bench.driver.outbox()) == told


async def test_a_claim_that_is_under_way_is_waited_for(postgres_driver, shared_engine):
    """As where the connection died while Postgres was at its commit."""
    store = postgres_driver.store
    job_id = await Bench(postgres_driver).waiting()
    asked = {"slots": 1.0, "weights": {}, "lease": LEASE, "rules": QueueRules(), "sender": ""}
    async with transaction(shared_engine) as connection:
        assert [c.job_id for c in await claim(connection, "one", **asked)] == [job_id]
        releasing = asyncio.create_task(store.release_lost("one", held={}, message=WHY))
        await asyncio.wait([releasing], timeout=0.3)
        assert not releasing.done()
    assert await releasing == {job_id}


async def test_who_waited_for_its_turn_gets_a_whole_lease(postgres_driver, shared_engine):
    """Somebody may sit on the turn for longer than a lease; what is given then begins then."""
    bench, lease = Bench(postgres_driver), timedelta(seconds=1)
    job_id = await bench.waiting()
    async with transaction(shared_engine) as other:
        await other.execute(_TURN)
        claiming = asyncio.create_task(postgres_driver.store.claim("me", slots=1, weights={}, lease=lease))
        await asyncio.sleep(1.5 * lease.total_seconds())
        assert not claiming.done()
        [freed_at] = (await other.execute(select(func.clock_timestamp()))).scalars()
    [claimed] = await claiming
    job, hidden = await bench.look(job_id), (await bench.driver.hidden())[job_id]
    assert freed_at <= job.claimed_at == job.started_at == job.updated_at == hidden.lease_until - lease
    assert 1.3 * lease.total_seconds() < claimed.seconds_for_turn < 30
    assert claimed.seconds_waited >= claimed.seconds_for_turn
