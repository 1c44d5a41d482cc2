"""What a real broker tells of the consumer group."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from support.bare import bare_app

from terrafusion.adapters import faust_app
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.faust_app import METADATA_MS
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.kafka_group import KafkaGroup
from terrafusion.embedded.processes import free_port
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
