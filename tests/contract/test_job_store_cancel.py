"""Ends that no attempt brings about: cancelled by somebody, or waited past the deadline."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from models.jobs import FailureReason, Finish, Heartbeat, JobStatus
from models.messages import JobCompleted

LEASE = timedelta(seconds=30)
SOON = timedelta(seconds=10)
NOTHING: frozenset = frozenset()


def done(claim):
    return Finish(job_id=claim.job_id, attempt=claim.attempt, message="Done")


class TestCancel:
    @pytest.mark.parametrize("stands", ["waiting", "running"])
    async def test_ends_a_live_job_at_once_and_tells_it_once(self, bench, stands):
        made = await getattr(bench, stands)()
        job_id = getattr(made, "job_id", made)
        assert await bench.store.cancel([job_id], message="Cancelled by me: wrong year") == {job_id}
        job = await bench.look(job_id)
        assert (job.status, job.message) == (JobStatus.CANCELLED, "Cancelled by me: wrong year")
        assert job.completed_at == job.updated_at
        assert job.failure_reason is None
        [end] = [event for event in await bench.told() if isinstance(event, JobCompleted)]
        assert (end.status, end.sequence) == (JobStatus.CANCELLED, job.sequence)

    @pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
    async def test_what_has_ended_is_left_as_it_is(self, bench, status):
        claim = await bench.standing(status)
        before = await bench.look(claim.job_id)
        assert await bench.store.cancel([claim.job_id], message="Too late") == NOTHING
        assert await bench.look(claim.job_id) == before

    async def test_of_several_it_answers_those_that_moved(self, bench):
        waiting, running, ended = (
            await bench.waiting(),
            await bench.running(),
            await bench.standing(JobStatus.COMPLETED),
        )
        ids = [waiting, running.job_id, ended.job_id, uuid4(), waiting]
        assert await bench.store.cancel(ids, message="All of it") == {waiting, running.job_id}
        assert await bench.store.cancel([], message="None") == NOTHING

    async def test_an_old_attempt_finds_no_row(self, bench):
        claim = await bench.running()
        await bench.store.cancel([claim.job_id], message="Cancelled")
        before = await bench.look(claim.job_id)
        assert await bench.store.finish([done(claim)]) == NOTHING
        assert await bench.store.release({claim.job_id: claim.attempt}, message="Later") == NOTHING
        beat = Heartbeat(claim.job_id, claim.attempt, 0.5, "At work")
        assert await bench.store.heartbeat("worker", [beat], lease=LEASE) == {claim.job_id}
        await bench.driver.pass_time(2 * LEASE)
        assert (await bench.store.take_over(max_crashes=3)).returned == 0
        assert await bench.look(claim.job_id) == before

    async def test_a_waiting_job_is_not_given_out_any_more(self, bench):
        job_id = await bench.waiting()
        await bench.store.cancel([job_id], message="Cancelled")
        assert await bench.claim() == []

    async def test_who_was_cancelled_can_be_asked(self, bench):
        cancelled, other = await bench.standing(JobStatus.CANCELLED), await bench.standing(JobStatus.COMPLETED)
        running = await bench.running()
        asked = [cancelled.job_id, other.job_id, running.job_id, uuid4()]
        assert await bench.store.cancelled(asked) == {cancelled.job_id}
        assert await bench.store.cancelled([]) == NOTHING


class TestRaces:
    """One wins, the other finds no row; `bench` holds events and rows to each other afterwards."""

    async def test_against_the_end(self, bench):
        for _ in range(20):
            claim = await bench.running()
            ended, cancelled = await asyncio.gather(
                bench.store.finish([done(claim)]), bench.store.cancel([claim.job_id], message="Cancelled")
            )
            assert len(ended) + len(cancelled) == 1
            expected = JobStatus.COMPLETED if ended else JobStatus.CANCELLED
            assert (await bench.look(claim.job_id)).status is expected

    async def test_against_the_claim(self, bench):
        for _ in range(20):
            job_id = await bench.waiting()
            claims, cancelled = await asyncio.gather(
                bench.claim(slots=1), bench.store.cancel([job_id], message="Cancelled")
            )
            assert cancelled == {job_id}, "whether it was claimed before or not"
            assert (await bench.look(job_id)).status is JobStatus.CANCELLED
            assert await bench.store.finish([done(claim) for claim in claims]) == NOTHING

    async def test_against_the_take_over(self, bench):
        for _ in range(10):
            claim = await bench.running()
            await bench.driver.pass_time(2 * LEASE)
            _, cancelled = await asyncio.gather(
                bench.store.take_over(max_crashes=3), bench.store.cancel([claim.job_id], message="Cancelled")
            )
            assert cancelled == {claim.job_id}
            assert (await bench.look(claim.job_id)).status is JobStatus.CANCELLED

    async def test_against_itself(self, bench):
        job_id = await bench.waiting()
        answers = await asyncio.gather(*(bench.store.cancel([job_id], message=f"By {n}") for n in range(5)))
        assert sorted(map(len, answers)) == [0, 0, 0, 0, 1]

    async def test_against_the_deadline(self, bench):
        for _ in range(10):
            job_id = await bench.waiting(deadline=await now(bench) + SOON)
            await bench.driver.pass_time(2 * SOON)
            expired, cancelled = await asyncio.gather(
                bench.store.expire(), bench.store.cancel([job_id], message="Cancelled")
            )
            assert len(expired) + len(cancelled) == 1


async def now(bench):
    return (await bench.look(await bench.waiting())).created_at


class TestExpire:
    async def test_fails_what_waited_past_its_deadline(self, bench):
        deadline = await now(bench) + SOON
        job_id = await bench.waiting(county_id="lucas_oh", deadline=deadline)
        assert await bench.store.expire() == []
        await bench.driver.pass_time(2 * SOON)
        assert list(await bench.store.expire()) == [("lucas_oh", "trend_analysis")]
        job = await bench.look(job_id)
        assert (job.status, job.failure_reason) == (JobStatus.FAILED, FailureReason.DEADLINE_PASSED)
        assert "deadline" in job.message
        assert await bench.store.expire() == []

    async def test_what_runs_or_has_ended_or_has_no_deadline_is_left(self, bench):
        deadline = await now(bench) + SOON
        running = await bench.running(deadline=deadline)
        ended = await bench.running(deadline=deadline)
        await bench.store.finish([done(ended)])
        ids = [running.job_id, ended.job_id, await bench.waiting()]
        await bench.driver.pass_time(2 * SOON)
        before = [await bench.look(job_id) for job_id in ids]
        assert await bench.store.expire() == []
        assert [await bench.look(job_id) for job_id in ids] == before

    async def test_also_what_is_paused_or_waits_for_its_time(self, bench):
        deadline = await now(bench) + SOON
        claim = await bench.running(deadline=deadline)
        await bench.store.release({claim.job_id: claim.attempt}, message="Later", delay=timedelta(hours=1))
        await bench.driver.pass_time(2 * SOON)
        assert len(await bench.store.expire()) == 1
        assert (await bench.look(claim.job_id)).status is JobStatus.FAILED


async def test_running_jobs_are_counted_by_county(bench):
    assert await bench.store.running() == {}
    for county in ("king_wa", "king_wa", "lucas_oh"):
        await bench.running(county_id=county)
    cancelled = await bench.running(county_id="lucas_oh")
    await bench.waiting(county_id="atlantis")
    await bench.store.cancel([cancelled.job_id], message="Cancelled")
    assert dict(await bench.store.running()) == {"king_wa": 2, "lucas_oh": 1}
