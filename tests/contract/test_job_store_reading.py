"""Jobs read back: pages, what is live, how many stand where."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from models.jobs import Finish, Heartbeat, JobStatus
from terrafusion.ports.jobs import JobFilter, Offer

ALL = JobFilter()


async def pages(bench, wanted=ALL, *, limit=3):
    """Read a list to its end, page by page."""
    after, shown = None, []
    while True:
        page = await bench.store.page(wanted, after=after, limit=limit)
        shown.append(list(page.jobs))
        if page.next_after is None:
            return shown
        after = page.next_after


async def test_an_unknown_id_is_none(bench):
    assert await bench.store.get(uuid4()) is None


async def test_pages_go_from_new_to_old_and_end(bench):
    ids = [await bench.waiting() for _ in range(8)]
    shown = await pages(bench)
    assert [job.job_id for page in shown for job in page] == ids[::-1]
    assert [len(page) for page in shown if page] == [3, 3, 2]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 6])
async def test_pages_of_two_show_all(bench, n):
    ids = [await bench.waiting() for _ in range(n)]
    shown = await pages(bench, limit=2)
    assert [job.job_id for page in shown for job in page] == ids[::-1]


async def test_a_key_is_the_place_of_the_last_job_shown(bench):
    for _ in range(3):
        await bench.waiting()
    page = await bench.store.page(ALL, after=None, limit=2)
    assert page.next_after == (page.jobs[-1].created_at, page.jobs[-1].job_id)


async def test_jobs_of_one_moment_are_parted_by_their_id(bench):
    jobs = [bench.job() for _ in range(11)]
    await bench.store.accept([Offer(job) for job in jobs])
    shown = [job for page in await pages(bench, limit=2) for job in page]
    assert {job.job_id for job in shown} == {job.job_id for job in jobs}
    assert len(shown) == 11
    places = [(job.created_at, job.job_id) for job in shown]
    assert places == sorted(places, reverse=True)


async def test_no_job_comes_twice_or_is_missed_while_new_ones_arrive(bench):
    ids = [await bench.waiting() for _ in range(7)]
    after, shown = None, []
    for _ in range(4):
        page = await bench.store.page(ALL, after=after, limit=2)
        shown += [job.job_id for job in page.jobs]
        after = page.next_after
        await bench.waiting()
        await bench.claim(slots=1)
    assert shown == ids[::-1]


async def test_filters_hold_together(bench):
    for county in ("king_wa", "lucas_oh"):
        for kind in ("trend_analysis", "price_trend_by_zip"):
            for correlation in ("a", None):
                await bench.waiting(county_id=county, analysis_type=kind, correlation_id=correlation)
    claim = await bench.running(county_id="lucas_oh", correlation_id="a", priority=9)
    asked = {
        JobFilter(county_id="king_wa"): 4,
        JobFilter(analysis_type="price_trend_by_zip"): 4,
        JobFilter(correlation_id="a"): 5,
        JobFilter(county_id="lucas_oh", correlation_id="a"): 3,
        JobFilter(county_id="lucas_oh", analysis_type="trend_analysis", correlation_id="a"): 2,
        JobFilter(status=JobStatus.COMPLETED): 0,
        JobFilter(county_id="ghost"): 0,
    }
    await bench.store.release({claim.job_id: 1}, message="Later")
    for wanted, n in asked.items():
        assert sum(len(page) for page in await pages(bench, wanted)) == n, wanted


async def test_a_status_filter_shows_only_that(bench):
    standing = {status: await bench.standing(status) for status in sorted(JobStatus, key=JobStatus.PENDING.__eq__)}
    for status, claim in standing.items():
        shown = [job.job_id for page in await pages(bench, JobFilter(status=status)) for job in page]
        assert shown == [claim.job_id]


async def test_a_page_shows_jobs_as_get_does_but_for_what_is_large(bench):
    claim = await bench.standing(JobStatus.COMPLETED)
    (job,) = (await bench.store.page(ALL, after=None, limit=1)).jobs
    whole = await bench.look(claim.job_id)
    small = set(whole.__dataclass_fields__) - {"parameters", "result_summary"}
    assert {name: getattr(job, name) for name in small} == {name: getattr(whole, name) for name in small}


async def test_live_is_the_last_event_of_what_is_not_over(bench):
    claim = await bench.running()
    await bench.store.heartbeat("worker", [Heartbeat(claim.job_id, 1, 0.5, "Half")], lease=timedelta(seconds=9))
    over = await bench.running()
    await bench.store.finish([Finish(job_id=over.job_id, attempt=1, message="Done")])
    waits = await bench.waiting()
    live = await bench.store.live(10)
    assert [event.job_id for event in live] == [waits, claim.job_id]
    last = {event.job_id: event for event in await bench.told()}
    assert list(live) == [last[waits], last[claim.job_id]]


async def test_live_is_limited_to_the_newest(bench):
    ids = [await bench.waiting() for _ in range(5)]
    assert [event.job_id for event in await bench.store.live(2)] == ids[:2:-1]


async def test_counts_name_every_state(bench):
    assert await bench.store.counts() == dict.fromkeys(JobStatus, 0)
    for status in (JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.PENDING):
        await bench.standing(status)
    expected = {JobStatus.COMPLETED: 2, JobStatus.CANCELLED: 1, JobStatus.PENDING: 1}
    assert await bench.store.counts() == {status: expected.get(status, 0) for status in JobStatus}
