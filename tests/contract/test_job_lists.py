"""Lists by any filter, what is kept of attempts, and which jobs somebody should look at."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

from models.attempts import AttemptLog, LogLine
from models.jobs import FailureReason, Finish, Heartbeat, JobStatus
from terrafusion.adapters.memory import lists as memory_lists
from terrafusion.adapters.postgres import attention as postgres_attention
from terrafusion.adapters.postgres.listing import ids_from
from terrafusion.ports.history import DEADLINE_NEAR, MOST_ATTEMPTS, WAITS_LONG
from terrafusion.ports.jobs import ALL, JobFilter, Offer

LATER = timedelta(hours=1)


async def ids(bench, wanted, *, limit=2, oldest_first=False):
    """Read a list to its end, page by page."""
    after, found = None, []
    while True:
        page = await bench.store.page(wanted, after=after, limit=limit, oldest_first=oldest_first)
        found += [job.job_id for job in page.jobs]
        after = page.next_after
        if after is None:
            return found


async def every_kind(bench):
    """Accept jobs that differ in all that a filter asks for, and bring some of them to an end."""
    made = []
    for county, kind, who in product(("king_wa", "lucas_oh"), ("trend_analysis", "ratio_study"), (None, "roll desk")):
        made.append(
            await bench.waiting(county_id=county, analysis_type=kind, requested_by=who, correlation_id=who and "b1")
        )
    claims = {claim.job_id: claim for claim in await bench.claim(slots=5)}
    for n, claim in enumerate(claims.values()):
        reason = FailureReason.TIMEOUT if n % 2 else None
        message = "It took 100 % too long" if n % 2 else "Done"
        if n < 4:
            await bench.store.finish([Finish(job_id=claim.job_id, attempt=1, message=message, failure_reason=reason)])
    return made


async def test_any_filter_shows_what_fulfils_it_and_nothing_else(bench):
    made = await every_kind(bench)
    jobs = [await bench.look(job_id) for job_id in reversed(made)]
    moments = [None, jobs[3].created_at]
    texts = [None, "roll desk", "100 %", str(jobs[2].job_id)[:13], "nobody says so"]
    axes = product((None, *JobStatus), (None, "king_wa", "ghost"), (None, "ratio_study"), (None, "b1"), moments, texts)
    for status, county, kind, correlation, since, words in list(axes)[::7]:
        wanted = JobFilter(
            status=status, county_id=county, analysis_type=kind, correlation_id=correlation, since=since, text=words
        )
        expected = [job.job_id for job in jobs if fulfils(job, wanted)]
        assert await ids(bench, wanted) == expected, wanted
        assert await ids(bench, wanted, oldest_first=True) == expected[::-1], wanted
        counted = Counter(job.status for job in jobs if fulfils(job, wanted, status=None))
        assert await bench.store.counts(wanted) == {status: counted[status] for status in JobStatus}, wanted


def fulfils(job, wanted, **other):
    asked = {name: getattr(wanted, name) for name in ("status", "county_id", "analysis_type", "correlation_id")} | other
    words = wanted.text or ""
    says = (
        job.requested_by == words if words == "roll desk" else str(job.job_id).startswith(words) or words in job.message
    )
    within = wanted.since is None or job.created_at >= wanted.since
    return says and within and all(value is None or getattr(job, name) == value for name, value in asked.items())


async def test_times_end_before_until(bench):
    made = [await bench.waiting() for _ in range(4)]
    jobs = [await bench.look(job_id) for job_id in made]
    wanted = JobFilter(since=jobs[1].created_at, until=jobs[3].created_at)
    assert await ids(bench, wanted) == [made[2], made[1]]
    assert (await bench.store.counts(wanted))[JobStatus.PENDING] == 2


async def test_words_mean_themselves(bench):
    found = await bench.waiting(message="100 %_of it")
    await bench.waiting(message="100 xyof it")
    assert await ids(bench, JobFilter(text="%_OF")) == [found]


async def test_counts_go_no_further_than_asked(bench):
    await bench.store.accept([Offer(bench.job()) for _ in range(5)])
    assert (await bench.store.counts(ALL, most=3))[JobStatus.PENDING] == 4
    assert await bench.store.waiting(3) == 3
    assert await bench.store.waiting(99) == 5


class TestHistory:
    async def test_of_nothing(self, bench):
        told = await bench.store.history(uuid4())
        assert (list(told.attempts), list(told.logs), list(told.retried_as)) == ([], [], [])

    async def test_every_attempt_tells_when_where_and_how_it_ended(self, bench):
        claim = await bench.running(owner="first")
        await bench.store.release({claim.job_id: 1}, message="Its worker stops")
        (again,) = await bench.claim(owner="second")
        await bench.store.crashed({claim.job_id: 2}, message="Its child died", max_crashes=5)
        (last,) = await bench.claim(owner="third")
        assert (again.attempt, last.attempt) == (2, 3)
        told = await bench.store.history(claim.job_id)
        assert [(a.attempt, a.worker, a.message) for a in told.attempts] == [
            (1, "first", "Its worker stops"),
            (2, "second", "Its child died; waits for another"),
        ]
        assert all(a.claimed_at <= a.ended_at for a in told.attempts)
        job = await bench.look(claim.job_id)
        assert job.worker == "third"
        assert job.started_at == told.attempts[0].claimed_at < told.attempts[1].claimed_at < job.claimed_at

    async def test_a_takeover_is_an_attempt_that_ended_too(self, bench):
        claim = await bench.running(owner="silent")
        await bench.driver.pass_time(LATER)
        await bench.store.take_over(max_crashes=3)
        (attempt,) = (await bench.store.history(claim.job_id)).attempts
        assert (attempt.worker, attempt.message) == ("silent", "Its worker fell silent; waits for another")

    async def test_only_the_last_attempts_are_kept(self, bench):
        job_id = (await bench.running()).job_id
        for attempt in range(1, MOST_ATTEMPTS + 4):
            await bench.store.release({job_id: attempt}, message=f"{attempt}")
            await bench.claim()
        told = await bench.store.history(job_id)
        assert [a.attempt for a in told.attempts] == list(range(4, MOST_ATTEMPTS + 4))

    async def test_logs_are_kept_whole_each_time(self, bench):
        job_id, at = await bench.waiting(), datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
        lines = [LogLine(at, "info", "Reading \0 sales"), LogLine(at, "error", "Traceback…")]
        await bench.store.keep_logs([])
        await bench.store.keep_logs([AttemptLog(job_id=job_id, attempt=1, lines=lines[:1])])
        await bench.store.keep_logs(
            [
                AttemptLog(job_id=job_id, attempt=2, lines=lines[1:]),
                AttemptLog(job_id=job_id, attempt=1, lines=lines, left_out=7),
            ]
        )
        told = (await bench.store.history(job_id)).logs
        assert [(log.attempt, len(log.lines), log.left_out) for log in told] == [(1, 2, 7), (2, 1, 0)]
        assert told[1].lines == [lines[1]]
        await bench.store.keep_logs([AttemptLog(job_id=job_id, attempt=2 + MOST_ATTEMPTS, lines=lines)])
        assert [log.attempt for log in (await bench.store.history(job_id)).logs] == [2 + MOST_ATTEMPTS]

    async def test_they_go_with_the_job(self, bench):
        claim = await bench.running()
        await bench.store.release({claim.job_id: 1}, message="Later")
        await bench.store.keep_logs([AttemptLog(job_id=claim.job_id, attempt=1, lines=[])])
        await bench.store.cancel([claim.job_id], message="Enough")
        await bench.driver.age(claim.job_id, LATER)
        async with bench.driver.retention.alone() as purging:
            assert await purging.forget_jobs([claim.job_id], age=timedelta(minutes=1)) == 1
        told = await bench.store.history(claim.job_id)
        assert (list(told.attempts), list(told.logs)) == ([], [])

    async def test_retries_are_known(self, bench):
        first, other = await bench.waiting(), await bench.waiting()
        again = [await bench.waiting(retry_of=first) for _ in range(2)]
        assert list((await bench.store.history(first)).retried_as) == again
        assert await bench.store.retried([first, other]) == {first: again[1]}


class TestAttention:
    async def look(self, bench, limit=9):
        found = await bench.store.attention(limit)
        return [[job.job_id for job in kind] for kind in (found.failed, found.stuck, found.late)]

    async def test_what_failed_leaves_it_by_a_retry(self, bench):
        failed = [(await bench.standing(JobStatus.FAILED)).job_id for _ in range(3)]
        await bench.waiting(failure_reason=FailureReason.UNKNOWN_COUNTY)
        assert await self.look(bench) == [failed[::-1], [], []]
        assert await self.look(bench, limit=1) == [[failed[2]], [], []]
        await bench.waiting(retry_of=failed[1])
        assert await self.look(bench) == [[failed[2], failed[0]], [], []]

    async def test_where_more_failed_than_are_looked_at_it_is_told(self, bench, monkeypatch):
        for adapter in (memory_lists, postgres_attention):
            monkeypatch.setattr(adapter, "MOST_LOOKED_AT", 2)
        failed = [(await bench.standing(JobStatus.FAILED)).job_id for _ in range(2)]
        assert not (await bench.store.attention(9)).unseen
        failed.append((await bench.standing(JobStatus.FAILED)).job_id)
        assert (await bench.store.attention(9)).unseen
        assert not (await bench.store.attention(2)).unseen, "there are more than were asked for"
        for job_id in failed[1:]:
            await bench.waiting(retry_of=job_id)
        assert await self.look(bench) == [[], [], []]
        assert (await bench.store.attention(9)).unseen

    async def test_what_nobody_renews_is_stuck(self, bench):
        silent, alive = await bench.running(), await bench.running()
        await bench.driver.pass_time(LATER)
        await bench.store.heartbeat("worker", [Heartbeat(alive.job_id, 1, 0.1, "m")], lease=LATER)
        assert await self.look(bench) == [[], [silent.job_id], []]

    async def test_what_waits_long_or_must_soon_be_done_is_late(self, bench):
        old = await bench.waiting()
        await bench.driver.age(old, WAITS_LONG + LATER)
        await bench.waiting()
        now = (await bench.look(old)).created_at + WAITS_LONG + LATER
        await bench.waiting(deadline=now + DEADLINE_NEAR + LATER)
        urgent = await bench.waiting(deadline=now + DEADLINE_NEAR / 2)
        assert await self.look(bench) == [[], [], [urgent, old]]
        await bench.driver.clear()  # no event tells of the age


async def test_what_changed_since_a_moment_is_told_once_as_it_stands(bench):
    gone, early = await bench.standing(JobStatus.COMPLETED), await bench.waiting()
    moment = (await bench.look(early)).updated_at
    late = await bench.waiting()
    ended = await bench.running()
    await bench.store.cancel([ended.job_id], message="Enough")
    changed = await bench.store.changed(moment, 99)
    assert {event.job_id for event in changed} >= {early, late, ended.job_id}
    assert gone.job_id not in {event.job_id for event in changed}
    assert [event.updated_at for event in changed] == sorted(event.updated_at for event in changed)
    last = {event.job_id: event for event in await bench.told() if event.job_id == late}
    assert next(event for event in changed if event.job_id == late) == last[late]
    assert [event.job_id for event in await bench.store.changed(moment, 1)] == [changed[0].job_id]


def test_an_id_begins_with_at_least_four_digits():
    assert ids_from("c4ca") == (UUID("c4ca" + "0" * 28), UUID("c4ca" + "f" * 28))
    assert ids_from("C4CA4238-a0") == (UUID("c4ca4238a0" + "0" * 22), UUID("c4ca4238a0" + "f" * 22))
    assert [ids_from(text) for text in ("c4c", "xyz1", "0" * 33, "")] == [None] * 4
