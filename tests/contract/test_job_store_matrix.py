"""Every state by every move: what the table of transitions says happens, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.jobs import (
    CANCEL,
    CLAIM,
    COMPLETE,
    FAIL,
    RELEASE,
    TAKE_OVER,
    TERMINAL,
    FailureReason,
    Finish,
    JobStatus,
)


async def _claim(bench, claim):
    return {c.job_id for c in await bench.claim(owner="other")} == {claim.job_id}


async def _complete(bench, claim):
    return bool(await bench.store.finish([Finish(job_id=claim.job_id, attempt=claim.attempt, message="x")]))


async def _fail(bench, claim):
    ending = Finish(
        job_id=claim.job_id, attempt=claim.attempt, message="x", failure_reason=FailureReason.PROCESSING_EXCEPTION
    )
    return bool(await bench.store.finish([ending]))


async def _cancel(bench, claim):
    return bool(await bench.store.cancel([claim.job_id], message="Cancelled"))


async def _release(bench, claim):
    return bool(await bench.store.release({claim.job_id: claim.attempt}, message="x"))


async def _release_lost(bench, claim):
    return bool(await bench.store.release_lost("worker", held={}, message="x"))


async def _take_over(bench, claim):
    return bool((await bench.store.take_over(max_crashes=3)).returned)


async def _crash(bench, claim):
    return bool((await bench.store.crashed({claim.job_id: claim.attempt}, message="x", max_crashes=3)).returned)


async def _give_up(bench, claim):
    return bool((await bench.store.crashed({claim.job_id: claim.attempt}, message="x", max_crashes=0)).given_up)


OF_AN_ATTEMPT = frozenset({JobStatus.RUNNING})
"""A job that waits may fail by the table, but there is no attempt of it that could end."""
MOVES = [
    (CLAIM, CLAIM.sources, _claim),
    (COMPLETE, COMPLETE.sources, _complete),
    (FAIL, FAIL.sources & OF_AN_ATTEMPT, _fail),
    (CANCEL, CANCEL.sources, _cancel),
    (RELEASE, RELEASE.sources, _release),
    (RELEASE, RELEASE.sources, _release_lost),
    (TAKE_OVER, TAKE_OVER.sources, _take_over),
    (TAKE_OVER, TAKE_OVER.sources, _crash),
    (FAIL, FAIL.sources & OF_AN_ATTEMPT, _give_up),
]


@pytest.mark.parametrize("source", list(JobStatus))
@pytest.mark.parametrize(("transition", "sources", "make"), MOVES, ids=[make.__name__ for *_, make in MOVES])
async def test_a_move_happens_where_the_table_has_it(bench, source, transition, sources, make):
    claim = await bench.standing(source)
    await bench.driver.pass_time(timedelta(days=1))
    before, told = await bench.look(claim.job_id), len(await bench.driver.outbox())
    moved = await make(bench, claim)
    after = await bench.look(claim.job_id)
    assert moved is (source in sources)
    if moved:
        assert (after.status, after.sequence) == (transition.target, before.sequence + 1)
    else:
        assert after == before
        assert len(await bench.driver.outbox()) == told


@pytest.mark.parametrize(
    ("source", "make"),
    [(source, make) for _, sources, make in MOVES for source in sorted(sources)],
)
async def test_no_move_is_told_earlier_than_the_one_before_it(bench, source, make):
    """A clock was set back, or the statement came first and then waited for the row."""
    claim = await bench.standing(source)
    await bench.driver.age(claim.job_id, timedelta(days=-2))
    await bench.driver.pass_time(timedelta(days=1))
    before = await bench.look(claim.job_id)
    assert await make(bench, claim)
    after = await bench.look(claim.job_id)
    assert after.updated_at == before.updated_at
    assert after.started_at <= after.updated_at
    assert after.completed_at == (after.updated_at if after.status in TERMINAL else None)
    for attempt in (await bench.store.history(claim.job_id)).attempts:
        assert attempt.claimed_at <= attempt.ended_at
