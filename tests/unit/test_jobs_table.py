"""The jobs table's store by itself: what it keeps, what it lets go, how much of it there can be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import faust
import pytest
from prometheus_client import CollectorRegistry

from models.jobs import JobStatus
from models.live import Missed
from models.messages import JobStatusChanged
from terrafusion.adapters.followers import Followers
from terrafusion.adapters.jobs_table import ENDED_KEPT, MOST_ENTRIES, Entry, JobsStore, Live
from terrafusion.adapters.memory.jobs import MemoryJobStore
from terrafusion.metrics import Metrics
from topics.catalogue import STATUS

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def event(job_id: UUID, sequence: int) -> bytes:
    told = JobStatusChanged(
        job_id=job_id,
        sequence=sequence,
        status=JobStatus.RUNNING,
        analysis_type="trend_analysis",
        county_id="king_wa",
        attempt=1,
        progress=0.0,
        message="told by a test",
        priority=5,
        created_at=NOW,
        updated_at=NOW,
    )
    return told.model_dump_json().encode()


def dealt(*partitions: int) -> set[faust.types.TP]:
    return {faust.types.TP(STATUS.name, partition) for partition in partitions}


@pytest.fixture
async def live() -> Live:
    """Of a worker that follows the first four partitions."""
    jobs = MemoryJobStore(clock=lambda: NOW)
    made = Live(faust.App(f"table-{uuid4()}"), jobs, Metrics(CollectorRegistry(), ()), followers=Followers())
    await made.table.data.on_rebalance(dealt(0, 1, 2, 3), set(), set())
    return made


@pytest.fixture
def store(live: Live) -> JobsStore:
    found = live.table.data
    assert isinstance(found, JobsStore), "Faust found another store by the table's URL"
    return found


def entry(sequence: int = 1, *, ended: bool = False, partition: int = 0) -> Entry:
    return Entry(sequence, ended, partition, b"{}")


def test_many_more_entries_than_fit_do_not_grow_it(store: JobsStore) -> None:
    for number in range(3 * MOST_ENTRIES):
        store[str(number)] = entry()
    assert len(store.data) == MOST_ENTRIES
    assert str(3 * MOST_ENTRIES - 1) in store.data
    assert "0" not in store.data


def test_of_finished_jobs_the_last_ones_stay(store: JobsStore) -> None:
    for number in range(3 * ENDED_KEPT):
        store[str(number)] = entry(1)
        store[str(number)] = entry(2, ended=True)
    assert set(store.data) == {str(number) for number in range(2 * ENDED_KEPT, 3 * ENDED_KEPT)}
    assert len(store._ended) <= ENDED_KEPT


def test_finished_jobs_push_no_running_one_out(store: JobsStore) -> None:
    store["runs"] = entry()
    for number in range(3 * ENDED_KEPT):
        store[str(number)] = entry(ended=True)
    assert "runs" in store.data


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_an_event_that_is_not_newer_changes_nothing(store: JobsStore, sequence: int) -> None:
    store["job"] = entry(3, ended=True)
    store["job"] = entry(sequence)
    assert store.data["job"] == entry(3, ended=True)


async def test_what_other_workers_follow_now_is_dropped(store: JobsStore) -> None:
    for partition in range(4):
        store[str(partition)] = entry(partition=partition)
    await store.on_rebalance({*dealt(0, 2), faust.types.TP("another", 1)}, dealt(1, 3), set())
    assert set(store.data) == {"0", "2"}


async def test_what_comes_late_of_a_partition_that_another_worker_follows_is_left_out(store: JobsStore) -> None:
    await store.on_rebalance(dealt(0), dealt(1, 2, 3), set())
    store["a stream's buffer, or a slow answer of Postgres"] = entry(partition=1)
    assert not store.data
    await store.on_rebalance(dealt(0, 1), set(), set())
    store["mine again"] = entry(partition=1)
    assert "mine again" in store.data


async def test_a_follower_hears_its_job_or_all_and_leaves_nothing_behind(live: Live) -> None:
    mine, other = uuid4(), uuid4()
    async with live.follow(mine) as one, live.follow() as every:
        for told in (event(mine, 1), event(other, 1), event(mine, 2)):
            live.see(told, 0)
        assert [(await anext(one)).sequence for _ in range(2)] == [1, 2]
        assert [(await anext(every)).job_id for _ in range(3)] == [mine, other, mine]
    assert not live.followers


async def test_a_follower_that_falls_behind_is_told_since_when_and_holds_no_more_than_its_bytes(live: Live) -> None:
    live.followers = Followers(most_bytes=2_000)
    job_id = uuid4()
    async with live.follow(job_id) as events:
        for sequence in range(1, 31):
            told = JobStatusChanged.model_validate_json(event(job_id, sequence))
            at = NOW + timedelta(seconds=sequence)
            live.followers.tell(told.model_copy(update={"updated_at": at}), 300)
        assert len(events._waiting) * 300 <= 2_000
        async with asyncio.timeout(5):
            assert await anext(events) == Missed(NOW + timedelta(seconds=1))
            left = [(await anext(events)).sequence for _ in range(len(events._waiting))]
        assert left == list(range(left[0], 31))


async def test_one_event_is_told_once_whoever_brings_it(live: Live) -> None:
    job_id = uuid4()
    async with live.follow() as events:
        for sequence in (1, 2):
            told = event(job_id, sequence)
            live.see(told, 0)
            live.followers.hear(str(job_id).encode(), told)
        live.followers.hear(str(job_id).encode(), None)
        live.followers.hear(b"", b"{}")
        live.see(event(job_id, 1), 0)
        assert [(await anext(events)).sequence for _ in range(3)] == [1, 2, 1]


def test_a_job_that_was_purged_is_forgotten_and_its_id_may_begin_anew(live: Live) -> None:
    job_id = uuid4()
    live.see(event(job_id, 7), 0)
    live.forget(str(job_id).encode())
    assert live.get(job_id) is None
    live.see(event(job_id, 1), 0)
    told = live.get(job_id)
    assert told is not None
    assert told.sequence == 1


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"73ebf3aa-448f-43d6-b542-e49a4968f011"])
def test_a_tombstone_of_nothing_that_is_here_changes_nothing(live: Live, key: bytes | None) -> None:
    job_id = uuid4()
    live.see(event(job_id, 1), 0)
    live.forget(key)
    assert live.get(job_id) is not None
