"""Ends that are committed are counted once, as what they are, whatever befalls those beside them."""

from __future__ import annotations

from uuid import UUID

import pytest

from models.jobs import FailureReason, JobStatus
from terrafusion.errors import Unavailable, UnstorableData
from terrafusion.ports.pool import Outcome
from terrafusion.usecases.counties import KnownCounties

from .test_unforeseen import make_bench

FENCED = "terrafusion_finishes_fenced_total"
COUNTED = {
    "completed": "market_analysis_jobs_completed_total",
    "failed": "market_analysis_jobs_failed_total",
}


class Pool:
    """Fails the jobs that are named."""

    has_child = True

    def __init__(self) -> None:
        self.failing: set[UUID] = set()

    async def run(self, tasks, *, seconds):
        return [self._outcome(task) for task in tasks]

    def _outcome(self, task):
        reason = FailureReason.PROCESSING_EXCEPTION if task.job_id in self.failing else None
        return Outcome(seconds=0.001, message="Done", failure_reason=reason)


@pytest.fixture
def bench(office):
    bench = make_bench(office, KnownCounties(office.stored_counties, office.metrics))
    bench.pool = Pool()
    bench.pace.observe([("price_trend_by_zip", 0.001)])
    return bench


@pytest.fixture
def counted(office):
    def count(kind):
        found = (sample for metric in office.registry.collect() for sample in metric.samples)
        return sum(sample.value for sample in found if sample.name == COUNTED.get(kind, FENCED))

    return count


async def ended(office, bench, *, failing=()):
    """Have four jobs run to an end that is not committed, the failing by their place."""
    ids = [await office.waiting() for _ in range(4)]
    bench.pool.failing = {ids[n] for n in failing}
    for chunk in await bench.claim():
        await bench.run(chunk)
    return ids


def hindered(office, monkeypatch, when, error):
    """Have the store raise once where ``when`` says so."""
    finish, left = office.store.finish, [error]

    async def wary(finishes):
        if when(finishes) and left:
            raise left.pop()
        return await finish(finishes)

    monkeypatch.setattr(office.store, "finish", wary)


@pytest.mark.parametrize("error", [Unavailable("away"), UnstorableData("a null")])
async def test_those_that_completed_are_counted_though_the_store_fails_for_the_others(
    office, bench, counted, monkeypatch, error
):
    await ended(office, bench, failing=(1, 3))
    hindered(office, monkeypatch, lambda batch: any(finish.failure_reason for finish in batch), error)
    for _ in range(2):
        try:
            await bench.commit()
        except Unavailable:
            assert (counted("completed"), len(bench.held)) == (2, 2)
    assert (counted("completed"), counted("failed"), counted("fenced")) == (2, 2, 0)
    assert len(bench.held) == 0


async def test_the_half_of_a_batch_that_was_refused_whole_is_counted_once(office, bench, counted, monkeypatch):
    ids = await ended(office, bench)
    finish = office.store.finish
    calls = []

    async def wary(finishes):
        calls.append(len(finishes))
        if len(finishes) == 4:
            raise UnstorableData("one of them")
        if len(calls) == 3:
            raise Unavailable("away")
        return await finish(finishes)

    monkeypatch.setattr(office.store, "finish", wary)
    with pytest.raises(Unavailable):
        await bench.commit()
    await bench.commit()
    assert calls == [4, 2, 2, 2]
    assert (counted("completed"), counted("fenced")) == (4, 0)
    assert {(await office.look(job_id)).status for job_id in ids} == {JobStatus.COMPLETED}


async def test_an_answer_that_cannot_be_stored_is_counted_as_failed(office, bench, counted, monkeypatch):
    ids = await ended(office, bench)
    finish = office.store.finish

    async def wary(finishes):
        if any(one.job_id == ids[2] and not one.failure_reason for one in finishes):
            raise UnstorableData("a null")
        return await finish(finishes)

    monkeypatch.setattr(office.store, "finish", wary)
    await bench.commit()
    assert (counted("completed"), counted("failed"), counted("fenced")) == (3, 1, 0)
    assert (await office.look(ids[2])).failure_reason is FailureReason.PROCESSING_EXCEPTION


async def test_ends_whose_commit_was_not_answered_are_counted_as_what_they_are(office, bench, counted, monkeypatch):
    await ended(office, bench, failing=(2,))
    finish, lost = office.store.finish, [Unavailable("the connection died"), Unavailable("again")]

    async def unanswered(finishes):
        done = await finish(finishes)
        if lost:
            raise lost.pop()
        return done

    monkeypatch.setattr(office.store, "finish", unanswered)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await bench.commit()
    await bench.commit()
    assert (counted("completed"), counted("failed"), counted("fenced")) == (3, 1, 0)
    assert len(bench.held) == 0
