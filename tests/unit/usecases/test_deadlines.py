"""A job has until its deadline, counted from its claim: what ran before it and beside it takes of that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.jobs import FailureReason
from terrafusion.errors import ChildTimedOut
from terrafusion.usecases.counties import KnownCounties

from .test_unforeseen import make_bench

TIMEOUT_S = 600


class Pool:
    """Never answers in time."""

    has_child = True

    def __init__(self, clock) -> None:
        self.clock = clock
        self.limits: list[float] = []

    async def run(self, tasks, *, seconds):
        self.limits.append(seconds)
        self.clock.tick(seconds)
        raise ChildTimedOut("took too long")


@pytest.fixture
def bench(office):
    bench = make_bench(office, KnownCounties(office.stored_counties, office.metrics))
    bench.pool = Pool(office.clock)
    bench.pace.observe([("price_trend_by_zip", 0.001)])
    return bench


async def claimed(office, bench, *left):
    """Have a chunk of jobs claimed that have so many seconds until their deadlines."""
    now = office.clock.now
    ends = [s and now + timedelta(seconds=s) for s in left]
    ids = [await office.waiting(deadline=end, priority=9 - n) for n, end in enumerate(ends)]
    [chunk] = await bench.claim()
    return ids, chunk


async def reasons(office, bench, ids):
    await bench.commit()
    return [(await office.look(job_id)).failure_reason for job_id in ids]


async def test_what_a_chunk_took_is_taken_off_when_its_jobs_run_alone(office, bench):
    ids, chunk = await claimed(office, bench, 100, 250, None)
    await bench.run(chunk)
    assert bench.pool.limits == [100, 150, TIMEOUT_S]
    late = FailureReason.DEADLINE_PASSED
    assert await reasons(office, bench, ids) == [late, late, FailureReason.TIMEOUT]


async def test_what_waited_here_before_it_could_begin_is_taken_off(office, bench):
    ids, chunk = await claimed(office, bench, 100)
    office.clock.tick(70)
    await bench.run(chunk)
    assert bench.pool.limits == [30]
    assert await reasons(office, bench, ids) == [FailureReason.DEADLINE_PASSED]


async def test_who_took_all_that_a_job_may_take_is_not_late(office, bench):
    """Though less than that is left until its deadline by then."""
    ids, chunk = await claimed(office, bench, TIMEOUT_S + 100)
    await bench.run(chunk)
    assert bench.pool.limits == [TIMEOUT_S]
    assert await reasons(office, bench, ids) == [FailureReason.TIMEOUT]
