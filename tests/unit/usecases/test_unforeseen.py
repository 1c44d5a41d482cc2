"""What nobody foresaw while a job is run: it ends that job or lets it go; none is held for ever."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from models.jobs import FailureReason, JobStatus
from models.queue import Limits
from terrafusion.adapters.bell import AsyncBell
from terrafusion.errors import ChildTimedOut, ChildTooLarge, PoolUnavailable
from terrafusion.ports.pool import Outcome
from terrafusion.usecases.counties import KnownCounties
from terrafusion.usecases.held_jobs import HeldJobs
from terrafusion.usecases.lease_keeping import LeaseKeeper
from terrafusion.usecases.work import Workbench


class Pool:
    """Raises where a job among its tasks is one of ``bad``."""

    def __init__(self):
        self.has_child = True
        self.bad, self.error = set(), None

    async def run(self, tasks, *, seconds):
        if self.bad & {task.job_id for task in tasks}:
            raise self.error
        return [Outcome(seconds=0.001, message="Done") for _ in tasks]


class Broken(KnownCounties):
    """Fails as a query does on a schema that it does not know."""

    async def version(self, county_id, data_version):
        raise RuntimeError("column data_versions.colour does not exist")


@pytest.fixture
def bench(office):
    return make_bench(office, KnownCounties(office.stored_counties, office.metrics))


def make_bench(office, counties):
    return Workbench(
        limits=Limits(owner="worker", slots=2, lease=timedelta(seconds=15), job_timeout_s=600, max_crashes=3),
        jobs=office.store,
        held=HeldJobs(office.metrics, AsyncBell()),
        pool=Pool(),
        counties=counties,
        metrics=office.metrics,
        beats=lambda: True,
        relay_bell=AsyncBell(),
        monotonic=office.clock.seconds,
    )


def leases_of(bench):
    return LeaseKeeper(
        limits=bench.limits, jobs=bench.jobs, held=bench.held, relay_bell=AsyncBell(), monotonic=bench.monotonic
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (pickle.PicklingError("an answer that cannot be sent"), FailureReason.PROCESSING_EXCEPTION),
        (ChildTooLarge("It took more than 2 GiB of memory"), FailureReason.OUT_OF_MEMORY),
        (ChildTimedOut("It took longer than 600 s"), FailureReason.TIMEOUT),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
async def test_an_error_of_the_pool_fails_its_job_and_no_other(office, bench, error, reason):
    ids = [await office.waiting() for _ in range(3)]
    bench.pool.bad, bench.pool.error = {ids[1]}, error
    bench.pace.observe([("price_trend_by_zip", 0.001)])
    [chunk] = await bench.claim()
    await bench.run(chunk)
    await bench.commit()
    jobs = [await office.look(job_id) for job_id in ids]
    assert [job.status for job in jobs] == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.COMPLETED]
    assert jobs[1].failure_reason is reason
    assert str(error) in jobs[1].message
    assert len(bench.held) == 0


async def test_a_machine_without_a_child_to_spare_is_no_fault_of_a_job(office, bench):
    ids = [await office.waiting() for _ in range(2)]
    bench.pool.bad, bench.pool.error = set(ids), PoolUnavailable("cannot fork")
    for _ in range(5):
        bench.pace.observe([("price_trend_by_zip", 0.001)])
        [chunk] = await bench.claim()
        await bench.run(chunk)
        assert len(bench.held) == 0
        assert await bench.claim() == []
        office.clock.tick(6)
    jobs = [await office.look(job_id) for job_id in ids]
    assert [job.status for job in jobs] == [JobStatus.PENDING] * 2
    assert "cannot fork" in jobs[0].message


async def test_a_worker_that_cannot_run_a_job_lets_it_go(office):
    bench = make_bench(office, Broken(office.stored_counties, office.metrics))
    job_id = await office.waiting()
    [chunk] = await bench.claim()
    await bench.run(chunk)
    assert len(bench.held) == 0
    office.clock.tick(16)
    await leases_of(bench).beat()
    assert (await office.store.take_over(max_crashes=3)).returned == 1
    assert (await office.look(job_id)).status is JobStatus.PENDING


async def test_a_late_end_of_one_attempt_leaves_the_next_one_held(office, bench):
    """As after a freeze: the end of the first waits to be committed when the same worker claims the second."""
    await office.waiting()
    [[first]] = await bench.claim()
    await bench.run([first])
    office.clock.tick(16)
    assert (await office.store.take_over(max_crashes=3)).returned == 1
    [[second]] = await bench.claim()
    await bench.commit()
    assert len(bench.held) == 1
    await bench.run([second])
    await bench.commit()
    job = await office.look(second.job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
