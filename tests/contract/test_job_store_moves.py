"""From waiting to the end and back: claims, endings, signs of life, hand-backs."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from models.dead_letters import Stage
from models.jobs import FailureReason, Finish, Heartbeat, JobStatus, Origin
from models.messages import JobCompleted
from terrafusion.ports.jobs import Offer, TakenOver
from topics.catalogue import REQUESTS

LEASE = timedelta(seconds=30)
NOTHING: frozenset = frozenset()


def done(claim, **fields):
    return Finish(**{"job_id": claim.job_id, "attempt": claim.attempt, "message": "Done", **fields})


def beat(claim, progress, message="At work"):
    return Heartbeat(claim.job_id, claim.attempt, progress, message)


class TestClaim:
    async def test_takes_the_urgent_first_then_the_oldest(self, bench):
        ids = [await bench.waiting(priority=priority) for priority in (5, 0, 9, 5, 9)]
        order = [ids[n] for n in (2, 4, 0, 3, 1)]
        first = await bench.claim(slots=2)
        rest = await bench.claim()
        assert [claim.job_id for claim in (*first, *rest)] == order

    async def test_an_urgent_job_goes_before_a_long_queue(self, bench):
        await bench.store.accept([Offer(bench.job(priority=0)) for _ in range(700)])
        urgent = await bench.waiting(priority=9)
        assert [claim.job_id for claim in await bench.claim(slots=1)] == [urgent]

    async def test_gives_what_a_worker_needs(self, bench):
        deadline = datetime(2100, 1, 1, tzinfo=UTC)
        trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
        claim = await bench.running(
            parameters={"n": [1, 2.5, None]}, deadline=deadline, traceparent=trace, correlation_id="c"
        )
        assert (claim.attempt, claim.analysis_type, claim.county_id) == (1, "trend_analysis", "king_wa")
        assert (claim.parameters, claim.traceparent, claim.correlation_id) == ({"n": [1, 2.5, None]}, trace, "c")
        job = await bench.look(claim.job_id)
        assert claim.seconds_left == pytest.approx((deadline - job.updated_at).total_seconds(), abs=0.01)
        assert claim.seconds_waited == pytest.approx((job.updated_at - job.created_at).total_seconds(), abs=0.01)
        assert (job.status, job.attempt, job.progress) == (JobStatus.RUNNING, 1, 0.0)
        assert job.created_at <= job.started_at <= job.updated_at

    async def test_no_deadline_is_no_limit_and_a_missed_one_is_below_zero(self, bench):
        assert (await bench.running()).seconds_left is None
        late = await bench.waiting(deadline=(await bench.look(await bench.waiting())).created_at + LEASE)
        await bench.driver.pass_time(2 * LEASE)
        left = {claim.job_id: claim.seconds_left for claim in await bench.claim()}
        assert left[late] == pytest.approx(-LEASE.total_seconds(), abs=5)

    async def test_names_the_owner_and_ends_with_the_lease(self, bench):
        claim = await bench.running(owner="one")
        hidden = (await bench.driver.hidden())[claim.job_id]
        assert hidden.owner == "one"
        assert hidden.lease_until - (await bench.look(claim.job_id)).updated_at == pytest.approx(
            LEASE, abs=timedelta(milliseconds=1)
        )

    @pytest.mark.parametrize(("slots", "weight", "given"), [(1, 1, 1), (3, 1, 3), (1, 0.25, 4), (2, 0.3, 6), (0, 1, 0)])
    async def test_fills_slots_by_weight(self, bench, slots, weight, given):
        for _ in range(8):
            await bench.waiting(analysis_type="tiny")
        assert len(await bench.claim(slots=slots, weights={"tiny": weight})) == given

    async def test_ten_tenths_are_a_whole(self, bench):
        for _ in range(11):
            await bench.waiting(analysis_type="tiny")
        assert len(await bench.claim(slots=1, weights={"tiny": 0.1})) == 10

    async def test_a_type_without_a_weight_takes_a_slot(self, bench):
        for kind in ("tiny", "whole", "tiny"):
            await bench.waiting(analysis_type=kind)
        claims = await bench.claim(slots=1.25, weights={"tiny": 0.25})
        assert [claim.analysis_type for claim in claims] == ["tiny", "whole"]

    async def test_never_gives_more_than_fits(self, bench):
        kinds = ["large", "tiny", "whole", "large", "tiny", "tiny"]
        for kind in kinds:
            await bench.waiting(analysis_type=kind)
        weights = {"large": 2.0, "tiny": 0.25}
        claims = await bench.claim(slots=2.75, weights=weights)
        assert claims[0].analysis_type == "large"
        assert sum(weights.get(claim.analysis_type, 1.0) for claim in claims) <= 2.75

    async def test_nine_claimers_race_for_one_job(self, bench):
        job_id = await bench.waiting()
        answers = await asyncio.gather(*(bench.claim(owner=f"w{n}", slots=1) for n in range(9)))
        assert [claim.job_id for claims in answers for claim in claims] == [job_id]

    async def test_nine_claimers_share_a_queue_and_no_job_twice(self, bench):
        ids = {await bench.waiting() for _ in range(30)}
        answers = await asyncio.gather(*(bench.claim(owner=f"w{n}", slots=4) for n in range(9)))
        given = [claim.job_id for claims in answers for claim in claims]
        assert len(given) == 30, "nine times four slots are enough for all"
        assert set(given) == ids
        assert max(len(claims) for claims in answers) <= 4

    async def test_counts_attempts_and_keeps_the_first_start(self, bench):
        claim = await bench.running()
        started = (await bench.look(claim.job_id)).started_at
        for attempt in (2, 3):
            await bench.store.release({claim.job_id: claim.attempt}, message="Later")
            (claim,) = await bench.claim()
            assert claim.attempt == attempt
        assert (await bench.look(claim.job_id)).started_at == started


class TestFinish:
    async def test_an_answer(self, bench):
        claim = await bench.running()
        ending = done(claim, result_summary={"n": 3}, result_data_location="file:///r", result_sha256="ab")
        assert await bench.store.finish([ending]) == {claim.job_id}
        job = await bench.look(claim.job_id)
        assert (job.status, job.message, job.progress) == (JobStatus.COMPLETED, "Done", 1.0)
        assert (job.result_summary, job.result_data_location, job.result_sha256) == ({"n": 3}, "file:///r", "ab")
        assert job.completed_at == job.updated_at
        assert (job.failure_reason, job.attempt) == (None, 1)

    @pytest.mark.parametrize("reason", list(FailureReason))
    async def test_a_failure(self, bench, reason):
        claim = await bench.running()
        assert await bench.store.finish([done(claim, failure_reason=reason, message="No")]) == {claim.job_id}
        job = await bench.look(claim.job_id)
        assert (job.status, job.failure_reason, job.message) == (JobStatus.FAILED, reason, "No")
        assert job.result_summary is None

    async def test_a_failure_keeps_how_far_it_came(self, bench):
        claim = await bench.running()
        await bench.store.heartbeat("worker", [beat(claim, 0.4)], lease=LEASE)
        await bench.store.finish([done(claim, failure_reason=FailureReason.TIMEOUT)])
        assert (await bench.look(claim.job_id)).progress == 0.4

    async def test_an_old_attempt_is_fenced_off(self, bench):
        old = await bench.running()
        await bench.store.release({old.job_id: old.attempt}, message="Later")
        (new,) = await bench.claim(owner="other")
        assert await bench.store.finish([done(old)]) == NOTHING
        assert await bench.store.finish([done(old, failure_reason=FailureReason.TIMEOUT)]) == NOTHING
        assert (await bench.look(old.job_id)).status is JobStatus.RUNNING
        assert await bench.store.finish([done(new)]) == {new.job_id}

    async def test_a_future_attempt_and_an_unknown_job_find_no_row(self, bench):
        claim = await bench.running()
        ahead = Finish(job_id=claim.job_id, attempt=claim.attempt + 1, message="Done")
        unknown = Finish(job_id=uuid4(), attempt=1, message="Done")
        assert await bench.store.finish([ahead, unknown]) == NOTHING

    async def test_only_the_first_of_two_endings_counts(self, bench):
        claim = await bench.running()
        await bench.store.finish([done(claim)])
        before = await bench.look(claim.job_id)
        for reason in (None, FailureReason.TIMEOUT):
            assert await bench.store.finish([done(claim, failure_reason=reason, message="Again")]) == NOTHING
        assert await bench.look(claim.job_id) == before

    async def test_one_job_twice_in_one_call_ends_once(self, bench):
        claim = await bench.running()
        both = [done(claim), done(claim, failure_reason=FailureReason.TIMEOUT), done(claim)]
        assert await bench.store.finish(both) == {claim.job_id}

    async def test_many_in_one_call(self, bench):
        claims = [await bench.running() for _ in range(9)]
        await bench.store.cancel([claims[0].job_id], message="Cancelled")
        reasons = [None, FailureReason.TIMEOUT, None] * 3
        endings = [done(c, failure_reason=reason) for c, reason in zip(claims, reasons, strict=True)]
        assert await bench.store.finish(endings) == {claim.job_id for claim in claims[1:]}
        counted = await bench.store.counts()
        assert (counted[JobStatus.COMPLETED], counted[JobStatus.FAILED], counted[JobStatus.CANCELLED]) == (5, 3, 1)

    async def test_nothing_finished_is_nothing_told(self, bench):
        assert await bench.store.finish([]) == NOTHING

    async def test_nine_endings_race_and_one_wins(self, bench):
        claim = await bench.running()
        answers = await asyncio.gather(*(bench.store.finish([done(claim, message=f"{n}")]) for n in range(9)))
        assert Counter(answers) == {frozenset({claim.job_id}): 1, NOTHING: 8}

    async def test_an_ending_races_a_takeover_and_one_wins(self, bench):
        claims = [await bench.running() for _ in range(10)]
        await bench.driver.pass_time(2 * LEASE)
        ended, taken = await asyncio.gather(
            bench.store.finish([done(claim) for claim in claims]), bench.store.take_over(max_crashes=3)
        )
        assert len(ended) + taken.returned == 10


class TestHeartbeat:
    async def test_renews_the_lease(self, bench):
        claim = await bench.running()
        await bench.driver.pass_time(LEASE * 0.9)
        assert await bench.store.heartbeat("worker", [beat(claim, 0.0)], lease=LEASE) == NOTHING
        await bench.driver.pass_time(LEASE * 0.9)
        assert await bench.store.take_over(max_crashes=3) == TakenOver(0, 0)
        assert (await bench.look(claim.job_id)).sequence == 2, "a renewal alone is not told"

    async def test_renews_late_as_long_as_nobody_took_over(self, bench):
        claim = await bench.running()
        await bench.driver.pass_time(2 * LEASE)
        assert await bench.store.heartbeat("worker", [beat(claim, 0.0)], lease=LEASE) == NOTHING
        assert await bench.store.take_over(max_crashes=3) == TakenOver(0, 0)

    async def test_tells_progress_only_where_it_rose(self, bench):
        claim = await bench.running()
        for progress, message in [(0.2, "a"), (0.2, "b"), (0.1, "c"), (0.7, "d")]:
            await bench.store.heartbeat("worker", [beat(claim, progress, message)], lease=LEASE)
        told = [(e.sequence, e.progress) for e in await bench.told() if e.status is JobStatus.RUNNING]
        assert told == [(2, 0.0), (3, 0.2), (4, 0.7)]
        job = await bench.look(claim.job_id)
        assert (job.progress, job.message, job.sequence) == (0.7, "d", 4)

    async def test_answers_what_is_no_longer_the_owners(self, bench):
        mine, finished, cancelled, handed_back, taken = [await bench.running() for _ in range(5)]
        await bench.store.finish([done(finished)])
        await bench.store.cancel([cancelled.job_id], message="Cancelled")
        await bench.store.release({handed_back.job_id: 1, taken.job_id: 1}, message="Later")
        again = {claim.job_id: claim for claim in await bench.claim(owner="other")}
        before = [await bench.look(c.job_id) for c in (finished, cancelled, handed_back, taken)]
        ghost = Heartbeat(uuid4(), 1, 0.5, "At work")
        beats = [*(beat(c, 0.5) for c in (mine, finished, cancelled, handed_back, taken)), ghost]
        lost = await bench.store.heartbeat("worker", beats, lease=LEASE)
        assert lost == {b.job_id for b in beats[1:]}
        assert [await bench.look(c.job_id) for c in (finished, cancelled, handed_back, taken)] == before
        assert await bench.store.heartbeat("other", [beat(again[taken.job_id], 0.5)], lease=LEASE) == NOTHING

    async def test_a_stranger_renews_nothing(self, bench):
        claim = await bench.running(owner="one")
        before = (await bench.driver.hidden())[claim.job_id]
        assert await bench.store.heartbeat("two", [beat(claim, 0.5)], lease=2 * LEASE) == {claim.job_id}
        assert (await bench.driver.hidden())[claim.job_id] == before

    async def test_the_same_owner_with_an_old_attempt_has_lost_it(self, bench):
        old = await bench.running()
        await bench.store.release({old.job_id: 1}, message="Later")
        await bench.claim()
        assert await bench.store.heartbeat("worker", [beat(old, 0.5)], lease=LEASE) == {old.job_id}

    async def test_no_beats_are_no_answer(self, bench):
        assert await bench.store.heartbeat("worker", [], lease=LEASE) == NOTHING


class TestRelease:
    async def test_hands_back_at_once(self, bench):
        claim = await bench.running()
        await bench.store.heartbeat("worker", [beat(claim, 0.5)], lease=LEASE)
        assert await bench.store.release({claim.job_id: 1}, message="The worker stops") == {claim.job_id}
        job = await bench.look(claim.job_id)
        assert (job.status, job.message, job.progress) == (JobStatus.PENDING, "The worker stops", 0.0)
        assert [c.job_id for c in await bench.claim(owner="other")] == [claim.job_id]
        assert (await bench.driver.hidden())[claim.job_id].crashes == 0

    async def test_waits_for_its_delay(self, bench):
        claim = await bench.running()
        await bench.store.release({claim.job_id: 1}, message="The store is away", delay=LEASE)
        job = await bench.look(claim.job_id)
        assert job.run_after - job.updated_at == pytest.approx(LEASE, abs=timedelta(milliseconds=1))
        assert not await bench.claim()
        await bench.driver.pass_time(LEASE / 2)
        assert not await bench.claim()
        await bench.driver.pass_time(LEASE)
        assert [c.attempt for c in await bench.claim()] == [2]
        assert (await bench.look(claim.job_id)).run_after is None

    async def test_knows_only_the_current_attempt(self, bench):
        claim = await bench.running()
        assert await bench.store.release({claim.job_id: 2, uuid4(): 1}, message="Later") == NOTHING
        assert (await bench.look(claim.job_id)).status is JobStatus.RUNNING

    async def test_many_at_once_and_none(self, bench):
        claims = [await bench.running() for _ in range(5)]
        ids = {claim.job_id for claim in claims}
        assert await bench.store.release(dict.fromkeys(ids, 1), message="Stop") == ids
        assert await bench.store.release({}, message="Stop") == NOTHING


class TestDeaths:
    async def test_a_childs_death_is_counted_and_above_the_limit_final(self, bench):
        origin = Origin(REQUESTS.name, 3, 77)
        claim = await bench.running(origin=origin, parameters={"n": 1})
        for crash in (1, 2):
            answer = await bench.store.crashed({claim.job_id: claim.attempt}, message="Its child died", max_crashes=2)
            assert answer == TakenOver(1, 0)
            assert (await bench.look(claim.job_id)).status is JobStatus.PENDING
            assert (await bench.driver.hidden())[claim.job_id].crashes == crash
            (claim,) = await bench.claim()
        answer = await bench.store.crashed({claim.job_id: claim.attempt}, message="Its child died", max_crashes=2)
        assert answer == TakenOver(0, 1)
        job = await bench.look(claim.job_id)
        assert (job.status, job.failure_reason) == (JobStatus.FAILED, FailureReason.ATTEMPTS_EXHAUSTED)
        assert "Its child died" in job.message
        (letter,) = await bench.driver.letters()
        assert (letter.topic, letter.partition, letter.offset) == (origin.topic, origin.partition, origin.offset)
        assert (letter.stage, letter.job_id) == (Stage.ANALYSE, claim.job_id)
        (record,) = await bench.dead()
        headers = dict(record.headers)
        assert headers["dlq.attempts"] == b"3"
        assert headers["dlq.original.timestamp"] == job.updated_at.isoformat().encode(), "by the clock of the store"
        assert headers["dlq.worker"] == b"worker", "who had its last attempt"
        first = (await bench.store.history(claim.job_id)).attempts[0]
        assert headers["dlq.first-failed-at"] == first.ended_at.isoformat().encode()
        assert headers["dlq.first-failed-at"] < headers["dlq.failed-at"]

    async def test_without_patience_the_first_death_is_final(self, bench):
        claim = await bench.running()
        assert await bench.store.crashed({claim.job_id: 1}, message="Died", max_crashes=0) == TakenOver(0, 1)
        assert (await bench.look(claim.job_id)).status is JobStatus.FAILED

    async def test_every_job_given_up_has_its_letter_though_none_has_coordinates(self, bench):
        claims = [await bench.running() for _ in range(3)]
        answer = await bench.store.crashed({c.job_id: 1 for c in claims}, message="Died", max_crashes=0)
        assert answer == TakenOver(0, 3)
        assert {letter.job_id for letter in await bench.driver.letters()} == {c.job_id for c in claims}

    async def test_another_attempt_is_not_blamed(self, bench):
        claim = await bench.running()
        assert await bench.store.crashed({claim.job_id: 2, uuid4(): 1}, message="Died", max_crashes=0) == TakenOver(
            0, 0
        )
        assert (await bench.driver.hidden())[claim.job_id].crashes == 0

    async def test_nobody_died(self, bench):
        assert await bench.store.crashed({}, message="Died", max_crashes=0) == TakenOver(0, 0)

    async def test_only_leases_that_ran_out_are_taken_over(self, bench):
        silent = await bench.running()
        await bench.driver.pass_time(2 * LEASE)
        alive, waits = await bench.running(), await bench.waiting()
        assert await bench.store.take_over(max_crashes=3) == TakenOver(1, 0)
        states = [(await bench.look(i)).status for i in (silent.job_id, alive.job_id, waits)]
        assert states == [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PENDING]
        assert await bench.store.take_over(max_crashes=3) == TakenOver(0, 0)

    async def test_a_taken_over_job_goes_on_elsewhere_and_fences_the_first_off(self, bench):
        first = await bench.running(owner="one")
        await bench.driver.pass_time(2 * LEASE)
        await bench.store.take_over(max_crashes=3)
        (second,) = await bench.claim(owner="two")
        assert (second.job_id, second.attempt) == (first.job_id, 2)
        assert await bench.store.finish([done(first)]) == NOTHING
        assert await bench.store.finish([done(second)]) == {first.job_id}

    async def test_takeovers_and_deaths_count_together(self, bench):
        claim = await bench.running()
        await bench.store.crashed({claim.job_id: 1}, message="Died", max_crashes=1)
        await bench.claim()
        await bench.driver.pass_time(2 * LEASE)
        assert await bench.store.take_over(max_crashes=1) == TakenOver(0, 1)
        assert (await bench.look(claim.job_id)).failure_reason is FailureReason.ATTEMPTS_EXHAUSTED

    async def test_takeovers_race_and_each_job_is_counted_once(self, bench):
        for _ in range(10):
            await bench.running()
        await bench.driver.pass_time(2 * LEASE)
        answers = await asyncio.gather(*(bench.store.take_over(max_crashes=3) for _ in range(5)))
        assert sum(answer.returned for answer in answers) == 10


async def test_a_whole_life_is_told_in_order_and_ends_once(bench):
    await bench.store.accept([Offer(bench.job(correlation_id="case 17"))])
    (claim,) = await bench.claim()
    await bench.store.heartbeat("worker", [beat(claim, 0.5)], lease=LEASE)
    await bench.store.release({claim.job_id: 1}, message="Later")
    (claim,) = await bench.claim()
    await bench.store.finish([done(claim, result_summary={"n": 1})])
    told = await bench.told()
    assert [event.sequence for event in told] == [1, 2, 3, 4, 5, 6, 6]
    assert isinstance(told[-1], JobCompleted)
    assert (told[-1].result_summary, told[-1].correlation_id) == ({"n": 1}, "case 17")
    ids = [dict(record.headers)["ce_id"].decode() for record in await bench.driver.outbox()]
    assert ids == [f"status/{claim.job_id}/{n}" for n in range(1, 7)] + [f"completed/{claim.job_id}/6"]
    times = [dict(record.headers)["ce_time"].decode() for record in await bench.driver.outbox()]
    assert all(datetime.fromisoformat(a) <= datetime.fromisoformat(b) for a, b in pairwise(times))
