"""What only a database can get wrong: rows that others hold, values at the rim."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import delete, select, text

from models.attempts import LogLine, Said
from models.jobs import Finish, Heartbeat, JobStatus
from models.tables import jobs
from terrafusion.adapters.postgres import acceptance
from terrafusion.ports.jobs import Accepted, Offer, TakenOver
from terrafusion.usecases.logbook import Logbook

LEASE = timedelta(seconds=30)
SCALING = Path(__file__).parents[2] / "deploy" / "kubernetes" / "components" / "keda" / "scaling.yaml"


@pytest.fixture
def driver(postgres_driver):
    return postgres_driver


def held(job_id):
    return select(jobs.c.job_id).where(jobs.c.job_id == job_id).with_for_update()


@pytest.mark.parametrize("digest", ["d1", "d2"])
async def test_an_id_that_is_purged_while_it_is_accepted_anew_is_new(loose_bench, shared_engine, monkeypatch, digest):
    """It stands when the row is to be written, and no more when its digest is read."""
    job_id, beside = await loose_bench.waiting(), loose_bench.job()
    read = acceptance._standing

    async def purged_first(connection, ids):
        async with shared_engine.begin() as other:
            await other.execute(delete(jobs).where(jobs.c.job_id == job_id))
        monkeypatch.undo()
        return await read(connection, ids)

    monkeypatch.setattr(acceptance, "_standing", purged_first)
    again = loose_bench.job(job_id=job_id, digest=digest)
    accepted = await loose_bench.store.accept([Offer(again), Offer(beside)])
    assert accepted == Accepted(frozenset({job_id, beside.job_id}), frozenset(), frozenset())
    assert (await loose_bench.look(job_id)).status is JobStatus.PENDING


async def test_a_beat_neither_waits_for_a_row_that_another_holds_nor_calls_it_lost(bench, shared_engine):
    first, second = await bench.running(), await bench.running()
    async with shared_engine.connect() as other:
        await other.execute(held(first.job_id))
        beats = [Heartbeat(c.job_id, 1, 0.5, "At work") for c in (first, second)]
        async with asyncio.timeout(5):
            assert await bench.store.heartbeat("worker", beats, lease=LEASE) == frozenset()
    assert (await bench.look(second.job_id)).progress == 0.5


async def test_a_claim_goes_round_a_row_that_another_holds(bench, shared_engine):
    ids = [await bench.waiting(priority=priority) for priority in (9, 5)]
    async with shared_engine.connect() as other:
        await other.execute(held(ids[0]))
        async with asyncio.timeout(5):
            assert [claim.job_id for claim in await bench.claim(slots=1)] == ids[1:]
    assert [claim.job_id for claim in await bench.claim()] == ids[:1]


async def test_a_takeover_goes_round_a_row_that_another_holds(bench, shared_engine):
    claim = await bench.running()
    await bench.driver.pass_time(2 * LEASE)
    async with shared_engine.connect() as other:
        await other.execute(held(claim.job_id))
        async with asyncio.timeout(5):
            assert await bench.store.take_over(max_crashes=3) == TakenOver(0, 0)
    assert await bench.store.take_over(max_crashes=3) == TakenOver(1, 0)


async def test_beats_and_endings_of_the_same_jobs_do_not_deadlock(bench):
    claims = [await bench.running() for _ in range(30)]
    beats = [Heartbeat(claim.job_id, 1, 0.5, "At work") for claim in claims]
    endings = [Finish(job_id=claim.job_id, attempt=1, message="Done") for claim in reversed(claims)]
    async with asyncio.timeout(20):
        await asyncio.gather(
            *(bench.store.heartbeat("worker", beats, lease=LEASE) for _ in range(4)),
            *(bench.store.finish(endings[n : n + 10]) for n in (0, 10, 20)),
        )
    assert (await bench.store.counts())[JobStatus.COMPLETED] == 30


@pytest.mark.parametrize("deadline", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)], ids=str)
async def test_both_ends_of_time_can_be_a_deadline(bench, deadline):
    claim = await bench.running(deadline=deadline)
    assert (claim.seconds_left > 0) is (deadline.year == 9999)


async def test_numbers_at_the_rim_come_back_the_same(bench):
    rim = {"n": [5e-324, 1.7976931348623157e308, -(2**63), 2**63 - 1, -0.0, 0.1]}
    job = bench.job(parameters=rim)
    await bench.store.accept([Offer(job)])
    assert (await bench.look(job.job_id)).parameters == rim


async def test_lines_that_it_refuses_cost_no_others(bench):
    job_id, other = await bench.waiting(), await bench.waiting()
    book = Logbook(bench.store, {}.get)
    texts = ["first", "\ud800", "second \0", "third"]
    lines = [LogLine(datetime(2026, 3, 1, 12, n, tzinfo=UTC), "info", text) for n, text in enumerate(texts)]
    lines.append(LogLine(datetime(2026, 3, 1, 13, tzinfo=UTC), "in\0fo", "of no level"))
    for attempt, line in [*((1, line) for line in lines), (2**31, lines[0]), (2**70, lines[0])]:
        book.put(Said(job_id, attempt, line))
    book.put(Said(other, 1, lines[0]))
    await book.keep()
    (log,) = (await bench.store.history(job_id)).logs
    assert [line.text for line in log.lines] == ["first", "second \\0", "third"]
    assert log.left_out == 2
    assert [log.lines for log in (await bench.store.history(other)).logs] == [lines[:1]]


async def test_what_kubernetes_scales_by_is_what_may_be_claimed_now(bench, shared_engine):
    scaled = next(yaml.safe_load_all(SCALING.read_text()))
    (query,) = [
        trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"] if trigger["type"] == "postgresql"
    ]
    await bench.running()
    released = await bench.running()
    await bench.store.release({released.job_id: 1}, message="Its service is away", delay=timedelta(hours=1))
    for _ in range(3):
        await bench.waiting()
    async with shared_engine.connect() as connection:
        assert (await connection.execute(text(query))).scalar_one() == 3
