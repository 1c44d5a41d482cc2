"""Requests become jobs: each id once, letters for the rest, nothing half done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from models.dead_letters import Stage
from models.jobs import FailureReason, JobStatus, Origin
from terrafusion.errors import UnstorableData
from terrafusion.ports.jobs import Accepted, Offer
from topics.catalogue import COMPLETED, DEAD_LETTER, REQUESTS, STATUS

NOTHING: frozenset = frozenset()
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


async def test_a_new_job_waits_with_all_that_was_asked(bench):
    offered = bench.job(
        parameters={"zip": ["98101"], "n": 2**53, "ratio": 0.1},
        priority=7,
        deadline=datetime(2100, 1, 1, tzinfo=UTC),
        correlation_id="case 17",
        requested_by="/assessor",
        traceparent=TRACE,
        retry_of=uuid4(),
        origin=Origin(REQUESTS.name, 3, 2**40),
    )
    assert await bench.store.accept([Offer(offered)]) == Accepted(frozenset({offered.job_id}), NOTHING, NOTHING)
    job = await bench.look(offered.job_id)
    same = offered.__dataclass_fields__
    assert {name: getattr(job, name) for name in same} == {name: getattr(offered, name) for name in same}
    assert (job.status, job.sequence, job.attempt, job.progress) == (JobStatus.PENDING, 1, 0, 0.0)
    assert (job.created_at, job.started_at, job.completed_at) == (job.updated_at, None, None)
    assert job.created_at.utcoffset().total_seconds() == 0


async def test_the_event_carries_trace_and_correlation(bench):
    job_id = await bench.waiting(correlation_id="case 17", traceparent=TRACE)
    (record,) = await bench.driver.outbox()
    assert (record.topic, record.key) == (STATUS.name, str(job_id).encode())
    headers = dict(record.headers)
    assert (headers["correlation_id"], headers["traceparent"]) == (b"case 17", TRACE.encode())


async def test_the_same_request_again_changes_nothing(bench):
    job = bench.job()
    offer = Offer(job, on_conflict=bench.letter(7))
    await bench.store.accept([offer])
    before = await bench.look(job.job_id)
    assert await bench.store.accept([offer]) == Accepted(NOTHING, frozenset({job.job_id}), NOTHING)
    assert await bench.look(job.job_id) == before
    assert len(await bench.driver.outbox()) == 1
    assert not await bench.driver.letters()


@pytest.mark.parametrize("status", list(JobStatus))
async def test_the_same_request_again_changes_nothing_in_any_state(bench, status):
    claim = await bench.standing(status)
    before = await bench.look(claim.job_id)
    accepted = await bench.store.accept([Offer(bench.job(job_id=claim.job_id))])
    assert accepted == Accepted(NOTHING, frozenset({claim.job_id}), NOTHING)
    assert await bench.look(claim.job_id) == before


async def test_the_same_id_for_something_else_is_a_letter_and_the_job_stands(bench):
    job = bench.job()
    await bench.store.accept([Offer(job)])
    before = await bench.look(job.job_id)
    other = replace(job, digest="d2", parameters={"other": True})
    letter = bench.letter(7, stage=Stage.ACCEPT, job_id=job.job_id)
    accepted = await bench.store.accept([Offer(other, on_conflict=letter)])
    assert accepted == Accepted(NOTHING, NOTHING, frozenset({job.job_id}))
    assert await bench.look(job.job_id) == before
    (kept,) = await bench.driver.letters()
    assert (kept.offset, kept.stage, kept.job_id) == (7, Stage.ACCEPT, job.job_id)
    assert [(r.key, r.value) for r in await bench.dead()] == [(letter.key, letter.value)]


async def test_a_conflict_without_a_letter_is_only_answered(bench):
    job_id = await bench.waiting()
    accepted = await bench.store.accept([Offer(bench.job(job_id=job_id, digest="d2"))])
    assert accepted == Accepted(NOTHING, NOTHING, frozenset({job_id}))
    assert not await bench.driver.letters()


async def test_a_job_may_be_born_failed_beside_its_letter(bench):
    job = bench.job(failure_reason=FailureReason.UNKNOWN_COUNTY, message="no county of that name")
    await bench.store.accept([Offer(job, letter=bench.letter(7, stage=Stage.VALIDATE))])
    born = await bench.look(job.job_id)
    assert (born.status, born.failure_reason, born.sequence) == (JobStatus.FAILED, job.failure_reason, 1)
    assert (born.completed_at, born.started_at, born.message) == (born.created_at, None, job.message)
    assert len(await bench.driver.letters()) == 1
    topics = [record.topic for record in await bench.driver.outbox()]
    assert sorted(topics) == sorted([STATUS.name, COMPLETED.name, DEAD_LETTER.name])
    assert not await bench.claim()


async def test_a_job_born_failed_comes_twice_and_is_told_once(bench):
    offer = Offer(bench.job(failure_reason=FailureReason.INVALID_PARAMETERS), letter=bench.letter(7))
    await bench.store.accept([offer])
    before = await bench.driver.outbox()
    accepted = await bench.store.accept([offer])
    assert accepted.known == {offer.job.job_id}
    assert list(await bench.driver.outbox()) == list(before)


async def test_one_batch_may_hold_an_id_twice(bench):
    job = bench.job()
    first, again = Offer(job, bench.letter(1)), Offer(job, bench.letter(2))
    other = Offer(replace(job, digest="d2", county_id="lucas_oh"), bench.letter(3, stage=Stage.ACCEPT))
    accepted = await bench.store.accept([first, again, other])
    assert (accepted.new, accepted.known) == ({job.job_id}, NOTHING)
    assert accepted.conflicting == {job.job_id}
    assert (await bench.look(job.job_id)).county_id == "king_wa", "the first one counts"
    assert [letter.offset for letter in await bench.driver.letters()] == [3]


async def test_good_ones_of_a_batch_are_unharmed_by_conflicts_and_letters(bench):
    standing = await bench.waiting()
    conflict = Offer(bench.job(job_id=standing, digest="d2"), bench.letter(1))
    good = [Offer(bench.job()) for _ in range(5)]
    accepted = await bench.store.accept([*good[:2], conflict, *good[2:]], [bench.letter(2), bench.letter(3)])
    assert accepted == Accepted(frozenset(o.job.job_id for o in good), NOTHING, frozenset({standing}))
    assert sorted(letter.offset for letter in await bench.driver.letters()) == [1, 2, 3]


async def test_letters_are_kept_once_by_where_they_came_from(bench):
    one = bench.letter(1)
    await bench.store.accept([], [one, one, bench.letter(2)])
    await bench.store.accept([], [one, bench.letter(1, stage=Stage.VALIDATE)])
    kept = [(letter.offset, letter.stage) for letter in await bench.driver.letters()]
    assert sorted(kept) == [(1, Stage.DECODE), (1, Stage.VALIDATE), (2, Stage.DECODE)]
    assert len(await bench.dead()) == 3, "told as often as kept"


async def test_one_of_two_letters_from_one_place_may_be_new(bench):
    await bench.store.accept([], [bench.letter(1)])
    await bench.store.accept([], [bench.letter(1), bench.letter(1, stage=Stage.VALIDATE)])
    stages = [dict(record.headers)["dlq.error.stage"] for record in await bench.dead()]
    assert stages == [b"decode", b"validate"]


async def test_letters_from_nowhere_are_all_kept(bench):
    await bench.store.accept([], [bench.letter(None), bench.letter(None)])
    assert len(await bench.driver.letters()) == len(await bench.dead()) == 2


async def test_a_letter_keeps_its_bytes_and_says_why(bench):
    await bench.store.accept([], [bench.letter(5)])
    (record,) = await bench.dead()
    assert (record.key, record.value) == (b"k", b"\xff\x00")
    headers = dict(record.headers)
    assert (headers["h"], headers["dlq.original.offset"], headers["dlq.error.stage"]) == (b"\x00", b"5", b"decode")


async def test_nothing_offered_is_nothing_told(bench):
    assert await bench.store.accept([]) == Accepted(NOTHING, NOTHING, NOTHING)
    assert not await bench.driver.outbox()


async def test_a_job_is_pinned_to_the_version_of_its_county_at_accept(bench):
    await bench.driver.load("king_wa", "v1")
    await bench.driver.load("lucas_oh", "w1")
    early = await bench.waiting()
    await bench.driver.load("king_wa", "v2")
    late, elsewhere, nowhere = [await bench.waiting(county_id=c) for c in ("king_wa", "lucas_oh", "ghost")]
    pinned = [(await bench.look(job_id)).data_version for job_id in (early, late, elsewhere, nowhere)]
    assert pinned == ["v1", "v2", "w1", None]
    claimed = {claim.job_id: claim.data_version for claim in await bench.claim()}
    assert claimed[early] == "v1"


@pytest.mark.parametrize(
    "bad",
    [
        {"parameters": {"text": "a\0b"}},
        {"parameters": {"key\0": 1}},
        {"parameters": {"deep": [{"er": ["\0"]}]}},
        {"parameters": {"text": "\ud800"}},
        {"correlation_id": "a\0b"},
        {"correlation_id": "\udfff"},
        {"requested_by": "\0"},
    ],
    ids=repr,
)
async def test_a_value_that_cannot_be_stored_refuses_the_batch(bench, bad):
    good, poison = bench.job(), bench.job(**bad)
    with pytest.raises(UnstorableData):
        await bench.store.accept([Offer(good), Offer(poison)], [bench.letter(1)])
    assert await bench.store.get(good.job_id) is None
    assert not await bench.driver.letters()
    assert not await bench.driver.outbox()


async def test_a_backslash_before_u0000_is_only_text(bench):
    job_id = await bench.waiting(parameters={"text": r"\u0000", "more": r"\\u0000"})
    assert (await bench.look(job_id)).parameters == {"text": r"\u0000", "more": r"\\u0000"}


async def test_batches_that_share_ids_race_and_each_job_is_new_once(bench):
    offers = [Offer(bench.job()) for _ in range(40)]
    turned = [offers[n:] + offers[:n] for n in range(0, 40, 8)]
    answers = await asyncio.gather(*(bench.store.accept(batch) for batch in turned))
    assert sorted(job_id for answer in answers for job_id in answer.new) == sorted(o.job.job_id for o in offers)
    assert len(await bench.driver.outbox()) == 40
