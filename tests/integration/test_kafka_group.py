"""What a real broker tells of the consumer group."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from terrafusion.adapters.broker import Broker
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.kafka_group import KafkaGroup
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
