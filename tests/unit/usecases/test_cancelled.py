"""What a worker does when jobs that it holds are cancelled, or are no longer its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest
import structlog

from models.jobs import JobStatus
from models.queue import Limits
from terrafusion.adapters.bell import AsyncBell
from terrafusion.errors import Unavailable, UnstorableData
from terrafusion.ports.pool import Outcome
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.lease_keeping import LEASE_SAFETY, LeaseKeeper
from terrafusion.usecases.work import Workbench

OWNER = "worker"
LEASE = timedelta(seconds=15)


class Pool:
    """Runs until told to go on; what it was asked and what was killed is written down."""

    def __init__(self):
        self.begun, self.killed, self.released = [], [], asyncio.Event()
        self.has_child = True

    async def run(self, tasks, *, seconds):
        ids = [task.job_id for task in tasks]
        self.begun.append(ids)
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.killed.append(ids)
            raise
        return [Outcome(seconds=0.001, message="Done") for _ in tasks]


class Worker:
    def __init__(self, office):
        self.office, self.pool = office, Pool()
        shared = {
            "limits": Limits(owner=OWNER, slots=2, lease=LEASE, job_timeout_s=600, max_crashes=3),
            "jobs": office.store,
            "held": HeldJobs(office.metrics, AsyncBell()),
            "relay_bell": AsyncBell(),
            "monotonic": office.clock.seconds,
        }
        self.leases = LeaseKeeper(**shared)
        self.bench = Workbench(
            **shared,
            pool=self.pool,
            counties=KnownCounties(office.stored_counties, office.metrics),
            metrics=office.metrics,
            beats=lambda: self.leases.beats,
        )
        self.running = []

    async def begin(self, jobs, *, together):
        """Have so many jobs run, in one child or in one each."""
        ids = []
        for _ in range(jobs):
            ids.append(await self.office.waiting())
            self.office.clock.tick(0.001)
        if together:
            self.bench.pace.observe([("price_trend_by_zip", 0.001)])
        for chunk in await self.bench.claim():
            self.running.append(asyncio.ensure_future(self.bench.run(chunk)))
        await settled()
        return ids

    async def end(self):
        """Let what runs come to its end, and commit it."""
        self.pool.released.set()
        await asyncio.wait_for(asyncio.gather(*self.running), 5)
        await self.bench.commit()


async def settled():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def worker(office):
    return Worker(office)


@pytest.fixture
def warnings():
    with structlog.testing.capture_logs() as logs:
        yield logs


def lost(office):
    return office.registry.get_sample_value("terrafusion_leases_lost_total")


async def test_nothing_is_claimed_before_there_is_a_child_for_it(office, worker):
    """It takes seconds to begin, and others may have one that is free."""
    job_id = await office.waiting()
    worker.pool.has_child = False
    assert await worker.bench.claim() == []
    assert (await office.look(job_id)).status == JobStatus.PENDING
    worker.pool.has_child = True
    assert len(await worker.bench.claim()) == 1


async def test_what_was_claimed_after_a_long_wait_for_its_turn_has_its_whole_lease(office, worker, monkeypatch):
    """And its deadline is as far as the store said when it was given."""
    claim, wait = office.store.claim, LEASE.total_seconds()

    async def late(*args, **kwargs):
        office.clock.tick(wait)
        return [replace(one, seconds_for_turn=wait) for one in await claim(*args, **kwargs)]

    monkeypatch.setattr(office.store, "claim", late)
    job_id = await office.waiting(deadline=office.clock.now + timedelta(seconds=wait + 60))
    [[claimed]] = await worker.bench.claim()
    worker.leases.guard()
    assert claimed.job_id == job_id
    assert worker.bench.held.is_held(claimed)
    assert worker.bench._left(claimed) == 60
    office.clock.tick(LEASE_SAFETY * wait + 1)
    worker.leases.guard()
    assert not worker.bench.held.is_held(claimed)


async def test_nothing_is_claimed_while_no_beat_comes_through(office, worker, monkeypatch):
    """The guard would drop it before a lease is over, and another would take it as from a worker that died."""
    [job_id] = await worker.begin(1, together=False)
    other = await office.waiting()
    with monkeypatch.context() as silent:
        silent.setattr(office.store, "heartbeat", AsyncMock(side_effect=Unavailable("no answer")))
        office.clock.tick(LEASE_SAFETY * LEASE.total_seconds() + 1)
        with pytest.raises(Unavailable):
            await worker.leases.beat()
        worker.leases.guard()
        assert await worker.bench.claim() == []
    assert (await office.look(other)).status == JobStatus.PENDING
    await worker.leases.beat()
    assert {claim.job_id for chunk in await worker.bench.claim() for claim in chunk} == {job_id, other}


async def test_what_cannot_be_stored_of_one_jobs_progress_costs_no_lease(office, worker, warnings, monkeypatch):
    ids = await worker.begin(2, together=False)
    keep = office.store.heartbeat

    async def strict(owner, beats, *, lease):
        if any("\0" in beat.message for beat in beats):
            raise UnstorableData("no U+0000")
        return await keep(owner, beats, lease=lease)

    monkeypatch.setattr(office.store, "heartbeat", strict)
    for job_id, message in zip(ids, ("half\0way", "half way"), strict=True):
        worker.bench.held.progressed(job_id, 0.5, message)
    office.clock.tick(0.5 * LEASE.total_seconds())
    await worker.leases.beat()
    assert [held.leased_at for held in worker.bench.held] == [office.clock.seconds()] * 2
    assert [(await office.look(job_id)).progress for job_id in ids] == [0.5, 0.5]
    assert [entry["event"] for entry in warnings] == ["what jobs say of their progress cannot be stored"]


@pytest.mark.parametrize("look", ["beat", "stop_cancelled"])
async def test_a_cancelled_job_is_stopped_at_the_next_look_and_is_no_loss(office, worker, warnings, look):
    [job_id] = await worker.begin(1, together=False)
    await office.commands.cancel(job_id)
    await getattr(worker.leases, look)()
    await settled()
    assert worker.pool.killed == [[job_id]]
    assert len(worker.bench.held) == 0
    assert (lost(office), warnings) == (0, [])


async def test_what_shared_its_child_begins_again_and_ends_well(office, worker):
    ids = await worker.begin(3, together=True)
    assert worker.pool.begun == [ids]
    await office.commands.cancel(ids[1])
    await worker.leases.beat()
    await settled()
    await worker.end()
    assert worker.pool.begun[1:] == [[ids[0]], [ids[2]]]
    assert [(await office.look(job_id)).status for job_id in ids] == [
        JobStatus.COMPLETED,
        JobStatus.CANCELLED,
        JobStatus.COMPLETED,
    ]
    assert [(await office.look(job_id)).attempt for job_id in ids] == [1, 1, 1]


async def test_an_answer_that_came_too_late_changes_nothing(office, worker):
    [job_id] = await worker.begin(1, together=False)
    await office.commands.cancel(job_id)
    before = await office.look(job_id)
    await worker.end()
    assert await office.look(job_id) == before
    assert office.registry.get_sample_value("terrafusion_finishes_fenced_total") == 1


async def test_a_job_that_another_has_now_is_a_loss(office, worker, warnings):
    [job_id] = await worker.begin(1, together=False)
    await office.store.release({job_id: 1}, message="taken")
    await worker.leases.beat()
    await settled()
    assert worker.pool.killed == [[job_id]]
    assert lost(office) == 1
    assert [entry["job_id"] for entry in warnings] == [str(job_id)]
