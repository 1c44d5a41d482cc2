"""What a real broker tells of the consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from support.bare import bare_app

from terrafusion.adapters import faust_app
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.direct_consumer import heed_refusals
from terrafusion.adapters.faust_app import METADATA_MS
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.kafka_group import KafkaGroup
from terrafusion.embedded.kafka import EmbeddedKafka
from terrafusion.embedded.processes import free_port
from terrafusion.errors import Unavailable
from terrafusion.settings import Settings
from terrafusion.usecases.retrying import until_available
from topics.catalogue import TopicSpec


async def test_records_that_are_no_longer_there_do_not_wait(topics: str) -> None:
    """As where a group that has forgotten its offsets comes back to a quiet topic."""
    topic = TopicSpec(f"scratch-{uuid4().hex}", None, 1, "a test")
    admin = AIOKafkaAdminClient(bootstrap_servers=topics)
    await admin.start()
    await create_topics(Broker(topics), [topic])
    async with AIOKafkaProducer(bootstrap_servers=topics) as producer:
        for _ in range(5):
            await producer.send_and_wait(topic.name, b"x")
    group = KafkaGroup(Broker(topics), f"group-{uuid4().hex}", [topic])
    async with asyncio.timeout(60):
        before = await until_available(group.look)  # a young broker has no coordinator yet
    await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(4)})
    after = await group.look()
    await group.stop()
    await admin.close()
    place = (topic.name, 0)
    assert (before.committed[place], before.ends[place]) == (0, 5)
    assert (after.committed[place], after.ends[place]) == (4, 5)


async def test_a_topic_that_was_not_known_is_dealt_once_it_is(
    topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a broker that has just started tells the group's leader of no topics."""
    monkeypatch.setattr(faust_app, "APP_ID", f"late-{uuid4().hex}")
    late = TopicSpec(f"scratch-{uuid4().hex}", None, 2, "a test")
    app = bare_app(Settings(kafka_bootstrap=topics, data_dir=tmp_path, http_port=free_port()))
    dealt = asyncio.Event()

    async def listen(stream) -> None:
        async for _ in stream:
            dealt.set()

    app.agent(app.topic(late.name, value_type=bytes, value_serializer="raw"), name="late")(listen)
    await app.start()
    try:
        await create_topics(Broker(topics), [late])
        async with AIOKafkaProducer(bootstrap_servers=topics) as producer:
            await producer.send_and_wait(late.name, b"x")
        await asyncio.wait_for(dealt.wait(), 3 * METADATA_MS / 1000)
    finally:
        await app.stop()


async def told_of(ask: Callable[[], Awaitable[int | None]], over: asyncio.Event) -> set[int | None]:
    """Ask again and again, and return all answers."""
    told = set()
    while not over.is_set():
        with suppress(Unavailable):
            told.add(await ask())
        await asyncio.sleep(0)
    return told


@pytest.mark.timeout(300)
async def test_a_broker_that_stops_and_comes_back_never_seems_to_have_forgotten_what_was_committed(
    tmp_path: Path,
) -> None:
    kafka, topic, over = EmbeddedKafka(tmp_path), TopicSpec("scratch", None, 4, "a test"), asyncio.Event()
    await asyncio.to_thread(kafka.start)
    try:
        broker, places = Broker(kafka.bootstrap), [TopicPartition(topic.name, number) for number in range(4)]
        await create_topics(broker, [topic])
        group = KafkaGroup(broker, "g", [topic])
        async with AIOKafkaConsumer(**broker.options, group_id="g", enable_auto_commit=False) as client:
            heed_refusals(client._coordinator)
            client.assign(places)
            await client.commit({place: OffsetAndMetadata(7, "") for place in places})

            async def by_the_group() -> int:
                return min((await group.look()).committed.values(), default=0)

            asked = [*(partial(client.committed, place) for place in places), by_the_group]
            asking = [asyncio.create_task(told_of(ask, over)) for ask in asked]
            for _ in range(3):
                await asyncio.to_thread(kafka.stop)
                await asyncio.to_thread(kafka.start)
                await asyncio.sleep(1)
            over.set()
            assert await asyncio.gather(*asking) == [{7}] * len(asking)
        await group.stop()
    finally:
        await asyncio.to_thread(kafka.stop)
