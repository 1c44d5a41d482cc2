"""An end that is committed and whose answer never comes: it is asked for again, and nobody is said to have fenced it off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.jobs import FailureReason, Finish

LEASE = timedelta(seconds=30)
NOTHING: frozenset = frozenset()


def done(claim, **fields):
    return Finish(**{"job_id": claim.job_id, "attempt": claim.attempt, "message": "Done", **fields})


@pytest.mark.parametrize("reason", [None, FailureReason.TIMEOUT])
async def test_an_attempt_whose_end_was_committed_and_not_answered_is_not_fenced_off(bench, reason):
    claims = [await bench.running() for _ in range(2)]
    endings = [done(claim, failure_reason=reason) for claim in claims]
    await bench.store.finish(endings[:1])
    before = await bench.look(claims[0].job_id)
    assert await bench.store.finish(endings) == {claim.job_id for claim in claims}
    assert await bench.look(claims[0].job_id) == before


async def test_whom_others_have_ended_in_the_same_attempt_is_fenced_off(bench):
    cancelled, given_up = [await bench.running() for _ in range(2)]
    late = await bench.running(deadline=(await bench.look(cancelled.job_id)).created_at + LEASE)
    await bench.store.cancel([cancelled.job_id], message="Done")
    await bench.store.crashed({given_up.job_id: 1}, message="Died", max_crashes=0)
    await bench.store.release({late.job_id: 1}, message="Later")
    await bench.driver.pass_time(2 * LEASE)
    assert len(await bench.store.expire()) == 1
    reasons = (None, FailureReason.PROCESSING_EXCEPTION, FailureReason.DEADLINE_PASSED)
    endings = [done(c, failure_reason=r) for c, r in zip((cancelled, given_up, late), reasons, strict=True)]
    assert await bench.store.finish(endings) == NOTHING
