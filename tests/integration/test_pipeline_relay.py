"""The relay between a real Postgres and a real broker: all of it, in order, once, and never by two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.producer.sender import SendProduceReqHandler
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from models.jobs import Finish, NewJob
from models.records import OutgoingRecord
from models.tables import outbox
from terrafusion.adapters import kafka_publisher
from terrafusion.adapters.bell import AsyncBell
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_publisher import KafkaPublisher
from terrafusion.adapters.postgres.outbox import PostgresOutbox
from terrafusion.adapters.postgres.store import PostgresJobStore
from terrafusion.errors import TooLarge, Unavailable
from terrafusion.metrics import Metrics
from terrafusion.ports.jobs import Offer
from terrafusion.services.relay import Relay
from topics.catalogue import COMPLETED, STATUS

LIMIT_S = 30.0


def records(key: str, values: Sequence[str], topic: str = STATUS.name) -> list[OutgoingRecord]:
    return [OutgoingRecord(topic, key.encode(), value.encode(), (("ce_id", value.encode()),)) for value in values]


class Shelf:
    """An outbox in memory, led by whoever asks."""

    def __init__(self, *entries: Sequence[OutgoingRecord]) -> None:
        self.entries = dict(enumerate(entries))
        self.parked: list[OutgoingRecord] = []

    async def read(self, limit: int) -> Sequence[tuple[int, Sequence[OutgoingRecord]]]:
        return list(self.entries.items())[:limit]

    async def backlog(self) -> tuple[int, float]:
        return len(self.entries), 0.0

    async def forget(self, ids: Sequence[int], refused: Sequence[OutgoingRecord] = (), reason: str = "") -> int:
        for entry in ids:
            del self.entries[entry]
        self.parked.extend(refused)
        return len(refused)


async def moved(store: PostgresJobStore, jobs: int) -> Sequence[str]:
    """Take jobs through their lives, each step of all of them at once; each tells of itself three times."""
    new = [
        NewJob(job_id=uuid4(), analysis_type="trend_analysis", county_id="king_wa", parameters={}, digest="d")
        for _ in range(jobs)
    ]
    await store.accept([Offer(job) for job in new])
    claims = await store.claim("w", slots=jobs, weights={}, lease=timedelta(seconds=30))
    await store.finish([Finish(job_id=c.job_id, attempt=c.attempt, message="Completed") for c in claims])
    return [str(job.job_id) for job in new]


async def waiting(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        found: int = (await connection.execute(select(func.count()).select_from(outbox))).scalar_one()
    return found


async def values(bootstrap: str, key: str, topic: str = STATUS.name) -> list[str]:
    """Read the values of a key that were committed, in the order of the log."""
    return [r.value.decode() for r in await committed(bootstrap, topic) if r.key == key.encode() and r.value]


async def committed(bootstrap: str, topic: str) -> list[Any]:
    """Read what was committed on a topic, each partition in its order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(STATUS.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        found: list[Any] = []
        while batch := await consumer.getmany(timeout_ms=1500):
            found += [record for some in batch.values() for record in some]
    finally:
        await consumer.stop()
    return found


def relay_of(engine: AsyncEngine, publisher: KafkaPublisher) -> Relay:
    return Relay(
        outbox=PostgresOutbox(engine),
        publisher=publisher,
        bell=AsyncBell(),
        metrics=Metrics(CollectorRegistry(), ()),
        monotonic=asyncio.get_running_loop().time,
    )


@pytest.fixture
async def publisher(topics: str) -> AsyncIterator[KafkaPublisher]:
    made = KafkaPublisher(Broker(topics))
    yield made
    await made.stop()


async def until_empty(engine: AsyncEngine) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await waiting(engine):  # noqa: ASYNC110 - another task empties it
            await asyncio.sleep(0.05)


async def test_a_running_relay_publishes_every_job_in_order(
    engine: AsyncEngine, topics: str, publisher: KafkaPublisher
) -> None:
    store = PostgresJobStore(engine)
    first = await moved(store, 200)
    relay = relay_of(engine, publisher)
    await relay.start()
    second = await moved(store, 200)
    await until_empty(engine)
    await relay.stop()
    told: dict[str, list[int]] = {}
    for record in await committed(topics, STATUS.name):
        told.setdefault(record.key.decode(), []).append(orjson.loads(record.value)["sequence"])
    ended = [record.key.decode() for record in await committed(topics, COMPLETED.name)]
    for job_id in (*first, *second):
        assert told[job_id] == [1, 2, 3]
        assert ended.count(job_id) == 1


async def test_what_is_too_large_is_parked_and_holds_up_nothing(
    engine: AsyncEngine, topics: str, publisher: KafkaPublisher
) -> None:
    key, huge = str(uuid4()), "x" * 5_000_000
    shelf = Shelf(records(key, ["before"]), records(key, [huge], COMPLETED.name), records(key, ["after"]))
    await relay_of(engine, publisher).publish_oldest(shelf)
    assert await values(topics, key) == ["before", "after"]
    assert await values(topics, key, COMPLETED.name) == []
    assert shelf.entries == {}
    assert shelf.parked == records(key, [huge], COMPLETED.name)


async def test_only_one_leads_and_the_next_follows_it(engine: AsyncEngine) -> None:
    async with PostgresOutbox(engine).lead() as first, PostgresOutbox(engine).lead() as second:
        assert first is not None
        assert second is None
    async with PostgresOutbox(engine).lead() as next_one:
        assert next_one is not None


async def test_a_relay_that_was_succeeded_is_fenced_by_the_broker(topics: str, publisher: KafkaPublisher) -> None:
    key = str(uuid4())
    await publisher.start()
    await publisher.publish(records(key, ["by the first"]))
    successor = KafkaPublisher(Broker(topics))
    await successor.start()
    await successor.publish(records(key, ["by the second"]))
    with pytest.raises(Unavailable):
        await publisher.publish(records(key, ["by the first, too late"]))
    await successor.publish(records(key, ["by the second again"]))
    await successor.stop()
    assert await values(topics, key) == ["by the first", "by the second", "by the second again"]


async def test_a_batch_with_one_refused_record_is_published_as_nothing(topics: str, publisher: KafkaPublisher) -> None:
    key = str(uuid4())
    await publisher.start()
    with pytest.raises(TooLarge, match="2 records"):
        await publisher.publish([*records(key, ["beside it"]), *records(key, ["x" * 5_000_000])])
    assert await values(topics, key) == []


async def test_a_transaction_that_the_broker_does_not_take_leaves_nothing_behind(
    topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SendProduceReqHandler, "handle_response", not_enough_replicas)
    before = asyncio.all_tasks()
    publisher = KafkaPublisher(Broker(topics))
    await publisher.start()
    monkeypatch.setattr(kafka_publisher, "PATIENCE_S", 2.0)
    with pytest.raises(Unavailable, match="cannot take records"):
        await publisher.publish(records(str(uuid4()), ["never"]))
    async with asyncio.timeout(LIMIT_S):
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left, timeout=0.2)
    assert set() == kafka_publisher._ABANDONED


def not_enough_replicas(handler: Any, _: Any) -> None:
    """Answer as a broker does whose topic has too few replicas in sync: come again."""
    handler._to_reenqueue.extend(handler._batches.values())
