"""Retention on real services: rows, files and the compacted topic forget the same jobs, and no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from models.jobs import Finish, JobStatus, NewJob
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_publisher import KafkaPublisher
from terrafusion.adapters.objects import Objects, document_location, result_path
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.retention import PostgresRetention
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.adapters.stored_files import StoredFiles
from terrafusion.cli import build
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Offer
from terrafusion.services.relay import Relay
from terrafusion.usecases.purge import Purge, Terms
from topics.catalogue import STATUS

AGE = text("""
    UPDATE market_analysis_jobs SET created_at = created_at - interval '400 days',
        completed_at = completed_at - interval '400 days'
    WHERE job_id = ANY(:ids)
""")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def purge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, results: Path, database_url: str
) -> Callable[..., tuple[int, Any]]:
    monkeypatch.setenv("TERRAFUSION_DATABASE_URL", database_url)
    monkeypatch.setenv("TERRAFUSION_RESULTS_URL", results.as_uri())
    monkeypatch.setenv("TERRAFUSION_DATA_DIR", str(tmp_path))

    def ran(*words: str) -> tuple[int, Any]:
        result = CliRunner().invoke(build(), ["purge", *words, "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, json.loads(result.stdout)

    return ran


def job_files(results: Path, job_id: UUID) -> Sequence[Path]:
    return sorted(results.glob(f"*/*/{job_id}.*"))


async def completed(engine: AsyncEngine, results: Path, many: int) -> Sequence[UUID]:
    """Take jobs to their ends, their files written as a child writes them."""
    store, objects = PostgresJobStore(engine), Objects(str(results))
    new = [NewJob(job_id=uuid4(), analysis_type="a", county_id="c", parameters={}, digest="d") for _ in range(many)]
    await store.accept([Offer(job) for job in new])
    ends = []
    for claim in await store.claim("w", slots=many, weights={}, lease=timedelta(minutes=5)):
        path = result_path("c", "a", claim.job_id)
        objects.put_new(document_location(path), b"{}")
        location = objects.put_new(path, claim.job_id.bytes)
        ends.append(Finish(job_id=claim.job_id, attempt=claim.attempt, message="Done", result_data_location=location))
    assert len(await store.finish(ends)) == many
    return [job.job_id for job in new]


async def aged(engine: AsyncEngine, ids: Sequence[UUID]) -> None:
    async with engine.begin() as connection:
        await connection.execute(AGE, {"ids": list(ids)})


async def published(engine: AsyncEngine, bootstrap: str) -> None:
    relay = Relay(
        outbox=PostgresOutbox(engine),
        publisher=KafkaPublisher(Broker(bootstrap)),
        bell=AsyncBell(),
        metrics=Metrics(CollectorRegistry(), ()),
        monotonic=asyncio.get_running_loop().time,
    )
    async with PostgresOutbox(engine).lead() as leader:
        assert leader is not None
        await relay.publish_oldest(leader)
    await relay._publisher.stop()


async def last_values(bootstrap: str, ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
    """Read what compaction would leave of these jobs."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(STATUS.name, number) for number in range(STATUS.partitions)])
        await consumer.seek_to_beginning()
        last: dict[str, bytes | None] = {}
        while batch := await consumer.getmany(timeout_ms=1500):
            last |= {r.key.decode(): r.value for records in batch.values() for r in records if r.key}
    finally:
        await consumer.stop()
    return {job_id: last[str(job_id)] for job_id in ids}


async def test_rows_files_and_topic_forget_the_same_jobs(
    engine: AsyncEngine, topics: str, results: Path, purge: Callable[..., tuple[int, Any]]
) -> None:
    old, new = await completed(engine, results, 3), await completed(engine, results, 2)
    waiting = NewJob(job_id=uuid4(), analysis_type="a", county_id="c", parameters={}, digest="d")
    await PostgresJobStore(engine).accept([Offer(waiting)])
    await aged(engine, [*old, waiting.job_id])
    await published(engine, topics)
    would = {"dry_run": True, "is_busy": False, "jobs": 3, "dead_letters": 0, "data_versions": 0, "files": 0}
    assert await asyncio.to_thread(purge, "--dry-run") == (0, would)
    assert all(len(job_files(results, job_id)) == 2 for job_id in (*old, *new))
    assert await asyncio.to_thread(purge) == (0, would | {"dry_run": False})
    await published(engine, topics)
    store = PostgresJobStore(engine)
    assert [await store.get(job_id) for job_id in old] == [None] * 3
    assert [job_files(results, job_id) for job_id in old] == [[]] * 3
    assert [len(job_files(results, job_id)) for job_id in new] == [2, 2]
    told = await last_values(topics, [*old, *new, waiting.job_id])
    assert {job_id for job_id, value in told.items() if value is None} == set(old)
    assert (await store.counts())[JobStatus.PENDING] == 1
    assert await asyncio.to_thread(purge) == (0, would | {"dry_run": False, "jobs": 0})


async def test_one_that_is_killed_amid_it_leaves_nothing_that_the_next_does_not_end(
    engine: AsyncEngine, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("terrafusion.usecases.purge.BATCH", 2)
    ids = await completed(engine, results, 5)
    await aged(engine, ids)
    breaks = [lambda: None, asyncio.CancelledError]

    async def pause(_: float) -> None:
        if broken := breaks.pop(0)():
            raise broken

    def purging(**more: Any) -> Purge:
        terms = Terms.of_days(jobs=365, letters=0, versions=0)
        metrics = Metrics(CollectorRegistry(), ())
        files = StoredFiles(Objects(str(results)))
        return Purge(retention=PostgresRetention(engine), files=files, terms=terms, metrics=metrics, **more)

    with pytest.raises(asyncio.CancelledError):
        await purging(pause=pause).run(sweep=False)
    store = PostgresJobStore(engine)
    left = [job_id for job_id in ids if await store.get(job_id)]
    assert len(left) == 1
    assert [job_id for job_id in ids if job_files(results, job_id)] == left
    gone = await purging().run(sweep=False)
    assert gone is not None
    assert gone.jobs == 1
    assert [job_id for job_id in ids if job_files(results, job_id)] == []


async def test_another_that_purges_is_left_alone(engine: AsyncEngine, purge: Callable[..., tuple[int, Any]]) -> None:
    async with PostgresRetention(engine).alone() as purging:
        assert purging is not None
        assert await asyncio.to_thread(purge) == (1, {"dry_run": False, "is_busy": True})
