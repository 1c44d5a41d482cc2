"""A claim without an answer: what it gave is handed back before the next claim, and at a stop."""

from __future__ import annotations

import asyncio

import pytest
from support.lives import LEASE

from models.jobs import JobStatus
from terrafusion.errors import Unavailable
from terrafusion.usecases.counties import KnownCounties

from .test_unforeseen import make_bench


@pytest.fixture
def bench(office):
    return make_bench(office, KnownCounties(office.stored_counties, office.metrics))


@pytest.fixture
def lose_claim(office, bench, monkeypatch):
    async def lose(error):
        claim = office.store.claim

        async def lost(*args, **kwargs):
            await claim(*args, **kwargs)
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(office.store, "claim", lost)
            with pytest.raises(type(error)):
                await bench.claim()

    return lose


async def test_the_next_claim_gets_what_the_last_one_lost(office, bench, lose_claim):
    job_id = await office.waiting()
    await lose_claim(Unavailable("the connection is gone"))
    assert (await office.look(job_id)).status is JobStatus.RUNNING
    [[claimed]] = await bench.claim()
    assert (claimed.job_id, claimed.attempt) == (job_id, 2)
    office.clock.tick(2 * LEASE.total_seconds())
    await bench.run([claimed])
    await bench.commit()
    assert (await office.look(job_id)).status is JobStatus.COMPLETED


async def test_it_is_handed_back_though_there_is_no_room_for_more(office, bench, lose_claim):
    job_id = await office.waiting()
    await lose_claim(Unavailable("the connection is gone"))
    bench.pool.has_child = False
    assert await bench.claim() == []
    assert (await office.look(job_id)).status is JobStatus.PENDING


async def test_a_claim_that_was_given_up_at_a_stop_is_handed_back(office, bench, lose_claim):
    job_id = await office.waiting()
    await lose_claim(asyncio.CancelledError())
    await bench.release_all()
    assert (await office.look(job_id)).status is JobStatus.PENDING


async def test_what_is_held_stays_when_a_claim_is_lost(office, bench, lose_claim):
    await office.waiting()
    [[held]] = await bench.claim()
    lost = await office.waiting()
    await lose_claim(Unavailable("the connection is gone"))
    assert [claim.job_id for chunk in await bench.claim() for claim in chunk] == [lost]
    assert (await office.look(held.job_id)).status is JobStatus.RUNNING
