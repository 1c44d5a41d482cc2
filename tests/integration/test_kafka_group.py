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
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from support.bare import bare_app

from models.group import Dealt
from terrafusion.adapters import faust_app
from terrafusion.adapters.broker import Broker
from terrafusion.adapters.direct_consumer import heed_refusals
from terrafusion.adapters.faust_app import METADATA_MS
from terrafusion.adapters.kafka_admin import create_topics
from terrafusion.adapters.kafka_group import FETCH_BYTES, KafkaGroup
from terrafusion.adapters.kafka_records import TolerantRecords
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


async def test_what_is_aborted_right_behind_the_first_record_holds_up_no_commit(
    topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, topic = f"young-{uuid4().hex}", TopicSpec(f"scratch-{uuid4().hex}", None, 1, "a test")
    monkeypatch.setattr(faust_app, "APP_ID", name)
    broker, read = Broker(topics), []
    await create_topics(broker, [topic])
    async with AIOKafkaProducer(**broker.options, transactional_id=uuid4().hex) as producer:
        for values, fault in (([b"0"], None), ([b"aborted"] * 3, ZeroDivisionError), ([b"6", b"7"], None)):
            with suppress(ZeroDivisionError):
                async with producer.transaction():
                    for value in values:
                        await producer.send_and_wait(topic.name, value)
                    if fault:
                        raise fault
    app = bare_app(Settings(kafka_bootstrap=topics, data_dir=tmp_path, http_port=free_port()))

    async def listen(stream) -> None:
        async for value in stream:
            read.append(value)  # noqa: PERF401 - it never ends

    app.agent(app.topic(topic.name, value_type=bytes, value_serializer="raw"), name="young")(listen)
    await app.start()
    group = KafkaGroup(broker, name, [topic])
    try:
        dealt = await look_until(group, 9, (topic.name, 0), times=20)
    finally:
        await app.stop()
        await group.stop()
    assert read == [b"0", b"6", b"7"]
    assert dealt.lags[topic.name, 0] == 0


async def test_header_names_of_any_bytes_hinder_no_look(topics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    topic = TopicSpec(f"scratch-{uuid4().hex}", None, 1, "a test")
    await create_topics(Broker(topics), [topic])
    group = KafkaGroup(Broker(topics), "anybody", [topic])
    await until_available(group.look)
    await group.stop()
    assert fetcher.MemoryRecords is TolerantRecords


async def look_until(group: KafkaGroup, committed: int, place: tuple[str, int], *, times: int = 5) -> Dealt:
    """Ask until so much is done; returns the last answer where that does not become so."""
    for _ in range(times):
        if (dealt := await until_available(group.look)).committed[place] == committed:
            break
        await asyncio.sleep(0.5)
    return dealt


async def test_what_no_reader_ever_sees_does_not_wait_and_a_single_record_does(topics: str) -> None:
    """The markers of transactions, and the records of those that were aborted or are not over."""
    topic = TopicSpec(f"scratch-{uuid4().hex}", None, 1, "a test")
    broker, place, name = Broker(topics), (topic.name, 0), f"group-{uuid4().hex}"
    await create_topics(broker, [topic])
    group = KafkaGroup(broker, name, [topic])
    async with (
        AIOKafkaProducer(**broker.options, transactional_id=uuid4().hex) as producer,
        AIOKafkaProducer(**broker.options, transactional_id=uuid4().hex) as other,
        AIOKafkaConsumer(**broker.options, group_id=name, enable_auto_commit=False) as member,
    ):
        member.assign([TopicPartition(*place)])

        async def done(offset: int) -> None:
            await member.commit({TopicPartition(*place): OffsetAndMetadata(offset, "")})

        async with producer.transaction():
            await producer.send_and_wait(topic.name, b"0, with the marker 1")
        await done(0)
        waits = await look_until(group, 0, place)
        assert (waits.lags[place], waits.committed[place]) == (1 + 1, 0)
        await done(1)
        assert (await look_until(group, 2, place)).lags[place] == 0
        with suppress(ZeroDivisionError):
            async with producer.transaction():
                for number in range(2, 42):
                    await producer.send_and_wait(topic.name, b"%d" % number + b"x" * FETCH_BYTES)
                raise ZeroDivisionError
        assert (await look_until(group, 43, place)).lags[place] == 0
        async with producer.transaction():
            await producer.send_and_wait(topic.name, b"43, with the marker 44")
        assert (await look_until(group, 43, place)).lags[place] == 1 + 1
        await done(44)
        await other.begin_transaction()
        await other.send_and_wait(topic.name, b"45, not there yet")
        assert (await look_until(group, 45, place)).lags[place] == 0
        await other.commit_transaction()
        assert (await look_until(group, 45, place)).lags[place] == 1 + 1
    await group.stop()
