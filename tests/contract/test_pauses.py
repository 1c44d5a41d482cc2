"""What stands still: one suite for the fake and the real store."""

from __future__ import annotations

import asyncio

import pytest

from models.pauses import Scope

WHY = {"reason": "reappraisal", "requested_by": "roll desk"}


@pytest.fixture
def pauses(driver):
    return driver.pauses


async def test_nothing_is_paused_at_first(pauses):
    assert list(await pauses.all()) == []


@pytest.mark.parametrize("said", [WHY, {"reason": None, "requested_by": None}])
@pytest.mark.parametrize(("scope", "name"), [(Scope.INTAKE, ""), (Scope.COUNTY, "king_wa"), (Scope.TYPE, "noop")])
async def test_a_pause_says_what_why_and_by_whom(pauses, scope, name, said):
    pause = await pauses.pause(scope, name, **said)
    assert (pause.scope, pause.name, pause.reason, pause.requested_by) == (scope, name, *said.values())
    assert pause.created_at.tzinfo is not None
    assert list(await pauses.all()) == [pause]


async def test_what_stands_still_already_keeps_its_time_and_reason(pauses):
    first = await pauses.pause(Scope.COUNTY, "king_wa", **WHY)
    assert await pauses.pause(Scope.COUNTY, "king_wa", reason="another", requested_by="another") == first
    assert list(await pauses.all()) == [first]


async def test_a_name_is_its_scope_s_own(pauses):
    for scope in (Scope.COUNTY, Scope.TYPE):
        await pauses.pause(scope, "same", **WHY)
    assert await pauses.resume(Scope.COUNTY, "same")
    assert [pause.scope for pause in await pauses.all()] == [Scope.TYPE]


async def test_resume_says_whether_it_was_paused(pauses):
    await pauses.pause(Scope.INTAKE, "", **WHY)
    assert [await pauses.resume(Scope.INTAKE, "") for _ in range(2)] == [True, False]
    assert list(await pauses.all()) == []


async def test_the_oldest_is_told_first(pauses):
    made = [await pauses.pause(Scope.COUNTY, name, **WHY) for name in ("b", "a", "c")]
    assert list(await pauses.all()) == made


async def test_of_many_at_once_one_stands(pauses):
    answers = await asyncio.gather(
        *(pauses.pause(Scope.TYPE, "noop", reason=str(n), requested_by=None) for n in range(5))
    )
    assert len({pause.reason for pause in answers}) == 1
    assert len(await pauses.all()) == 1


class TestAtTheClaim:
    async def test_jobs_of_a_paused_county_or_type_are_not_given_out(self, bench):
        await bench.driver.pauses.pause(Scope.COUNTY, "king_wa", **WHY)
        await bench.driver.pauses.pause(Scope.TYPE, "noop", **WHY)
        await bench.waiting(county_id="king_wa")
        await bench.waiting(county_id="lucas_oh", analysis_type="noop")
        free = await bench.waiting(county_id="lucas_oh")
        assert [claim.job_id for claim in await bench.claim()] == [free]

    async def test_a_paused_intake_holds_back_no_accepted_job(self, bench):
        await bench.driver.pauses.pause(Scope.INTAKE, "", **WHY)
        job_id = await bench.waiting()
        assert [claim.job_id for claim in await bench.claim()] == [job_id]

    async def test_what_runs_goes_on(self, bench):
        claim = await bench.running()
        await bench.driver.pauses.pause(Scope.COUNTY, claim.county_id, **WHY)
        assert (await bench.store.running()) == {claim.county_id: 1}
        await bench.store.release({claim.job_id: claim.attempt}, message="Later")
        assert await bench.claim() == []
        await bench.driver.pauses.resume(Scope.COUNTY, claim.county_id)
        assert [again.job_id for again in await bench.claim()] == [claim.job_id]
