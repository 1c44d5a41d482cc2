"""The jobs table as a Faust app runs it: it follows the topic, whatever becomes of Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from support.bare import bare_app
from support.rig import frozen

from agents import status
from models.jobs import Finish, JobStatus, NewJob
from models.messages import JobStatusChanged
from terrafusion.adapters import faust_app, jobs_table
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.faust_app import MarketAnalysisApp, status_topic
from terrafusion.adapters.followers import Followers
from terrafusion.adapters.jobs_table import JobsStore, Live
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.partitioning import partition_of
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.embedded.postgres import EmbeddedPostgres
from terrafusion.embedded.processes import free_port
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Offer
from terrafusion.settings import Settings
from topics.catalogue import STATUS, TopicSpec

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIMIT_S = 20.0


def event(job_id: UUID, sequence: int, told: JobStatus = JobStatus.RUNNING, progress: float = 0.0) -> JobStatusChanged:
    return JobStatusChanged(
        job_id=job_id,
        sequence=sequence,
        status=told,
        analysis_type="trend_analysis",
        county_id="king_wa",
        attempt=1,
        progress=progress,
        message="told by a test",
        priority=5,
        created_at=NOW,
        updated_at=NOW,
    )


def partition_of_job(job_id: UUID) -> int:
    return partition_of(str(job_id).encode(), STATUS.partitions)


def new_job() -> NewJob:
    return NewJob(job_id=uuid4(), analysis_type="trend_analysis", county_id="king_wa", parameters={}, digest="d")


@dataclass
class Following:
    """A running Faust app with nothing but the table and the agent that fills it."""

    app: MarketAnalysisApp
    live: Live
    producer: AIOKafkaProducer
    jobs: PostgresJobStore

    async def publish(self, *events: JobStatusChanged) -> None:
        for told in events:
            await self.producer.send_and_wait(
                STATUS.name, told.model_dump_json().encode(), key=str(told.job_id).encode()
            )

    async def until_sequence(self, job_id: UUID, sequence: int) -> JobStatusChanged:
        async with asyncio.timeout(LIMIT_S):
            while (seen := self.live.get(job_id)) is None or seen.sequence < sequence:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return seen


@pytest.fixture
async def following(
    topics: str, database_url: str, engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Following]:
    """In a consumer group of its own, so that workers of other tests take nothing from it."""
    group = f"table-{uuid4()}"
    monkeypatch.setattr(faust_app, "APP_ID", group)
    await create_topics(Broker(topics), [TopicSpec(f"{group}-jobs-changelog", None, STATUS.partitions, "stays empty")])
    settings = Settings(
        database_url=SecretStr(database_url), kafka_bootstrap=topics, data_dir=tmp_path, http_port=free_port()
    )
    app = bare_app(settings)
    jobs = PostgresJobStore(engine)
    live = Live(app, jobs, Metrics(CollectorRegistry(), ()), followers=Followers())
    status.register(app, status_topic(app), live.see, live.forget)
    async with AIOKafkaProducer(bootstrap_servers=topics) as producer:
        await app.start()
        async with asyncio.timeout(LIMIT_S):
            await app.tables.recovery.completed.wait()
            await asyncio.gather(*live.table.data._futures)  # it was dealt all partitions, and fills in what they hold
        yield Following(app, live, producer, jobs)
        await app.stop()


async def test_entries_and_followers_move_while_postgres_is_silent(
    following: Following, postgres: EmbeddedPostgres
) -> None:
    watched, other = uuid4(), uuid4()
    async with following.live.follow(watched) as one, following.live.follow() as every:
        with frozen(postgres):
            await following.publish(event(watched, 1, JobStatus.PENDING), event(other, 1, JobStatus.PENDING))
            await following.publish(event(watched, 2), event(watched, 3, progress=0.5))
            seen = await following.until_sequence(watched, 3)
            assert (seen.status, seen.progress) == (JobStatus.RUNNING, 0.5)
            assert await following.live.table.fetch(watched) == seen
            async with asyncio.timeout(LIMIT_S):
                assert [(await anext(one)).sequence for _ in range(3)] == [1, 2, 3]
                told = set()
                while not told >= {watched, other}:  # the topic also tells of other tests' jobs
                    told.add((await anext(every)).job_id)


async def test_an_older_event_never_takes_an_entry_back(following: Following) -> None:
    job_id, last = uuid4(), uuid4()
    await following.publish(event(job_id, 3, JobStatus.COMPLETED, progress=1.0))
    await following.publish(event(job_id, 2), event(job_id, 1, JobStatus.PENDING), event(last, 1))
    while partition_of_job(last) != partition_of_job(job_id):
        last = uuid4()
    await following.publish(event(last, 1))
    await following.until_sequence(last, 1)
    seen = following.live.get(job_id)
    assert seen is not None
    assert (seen.sequence, seen.status) == (3, JobStatus.COMPLETED)


async def test_a_key_that_is_not_in_memory_is_read_from_postgres(following: Following) -> None:
    job = new_job()
    await following.jobs.accept([Offer(job)])
    assert following.live.get(job.job_id) is None
    found = await following.live.table.fetch(job.job_id)
    assert found is not None
    assert (found.status, found.sequence) == (JobStatus.PENDING, 1)
    assert await following.live.table.fetch(uuid4()) is None


async def test_finished_jobs_leave_memory_and_are_still_found(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_table, "ENDED_KEPT", 3)
    jobs = [new_job() for _ in range(6)]
    await following.jobs.accept([Offer(job) for job in jobs])
    claims = await following.jobs.claim("w", slots=10, weights={}, lease=timedelta(seconds=30))
    done = await following.jobs.finish(
        [Finish(job_id=claim.job_id, attempt=claim.attempt, message="Completed") for claim in claims]
    )
    assert len(done) == len(jobs)
    for job in jobs:
        await following.publish(event(job.job_id, 3, JobStatus.COMPLETED, progress=1.0))
        await following.until_sequence(job.job_id, 3)
    held = [following.live.get(job.job_id) is not None for job in jobs]
    assert held == [False] * 3 + [True] * 3
    found = [await following.live.table.fetch(job.job_id) for job in jobs]
    assert [(told.status, told.sequence) for told in found if told] == [(JobStatus.COMPLETED, 3)] * len(jobs)


async def test_live_jobs_are_filled_in_when_partitions_are_dealt(following: Following) -> None:
    jobs = [new_job() for _ in range(20)]
    await following.jobs.accept([Offer(job) for job in jobs])
    store = following.live.table.data
    assert isinstance(store, JobsStore)
    await store._hydrate(frozenset({0, 1, 2, 3}))
    for job in jobs:
        held = following.live.get(job.job_id)
        assert (held is not None) == (partition_of_job(job.job_id) < 4)
        assert held is None or held.status is JobStatus.PENDING
